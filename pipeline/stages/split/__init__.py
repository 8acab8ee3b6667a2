"""Divide images of any origin anew, and tell how leaky their present division is."""
