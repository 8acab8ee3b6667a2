"""Whether everything here works: each outside library does real work on a clip made for it."""
