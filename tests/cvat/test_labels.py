"""Labels: read from a file, and refused before CVAT would."""

import json
import re

import pytest
from cvat_sdk import make_client
from video_prep.base.errors import UsageError
from video_prep.cvat.labels import load_labels

POINT = '<circle r="0.75" cx="{x}" cy="20" data-type="element node" data-element-id="{n}" '
LINE = '<line x1="10" y1="20" x2="30" y2="20" data-type="edge" data-node-from="1" data-node-to="2">'
DRAWING = (
    f"{LINE}</line>"
    + POINT.format(n=1, x=10)
    + 'data-node-id="1" data-label-{by}="{nose}"></circle>'
    + POINT.format(n=2, x=30)
    + 'data-node-id="2" data-label-{by}="{tail}"></circle>'
)


def attribute(name, kind, default, values, *, mutable=False, **more):
    made = {"name": name, "mutable": mutable, "input_type": kind}
    return {**made, "default_value": default, "values": values, **more}


def sublabel(name, **more):
    return {"name": name, "type": "points", "attributes": [], **more}


# As the Raw tab shows a saved project: with ids, and with the quotes of the drawing escaped.
EXPORT = [
    {
        "name": "car",
        "attributes": [
            attribute("side", "select", "right", ["left", "right"], mutable=True, id=1),
            attribute("doors", "number", "2", ["2", "5", "1"], id=2),
            attribute("parked", "checkbox", "true", ["false"], id=3),
            attribute("plate", "text", "", [""], id=4),
        ],
        "type": "rectangle",
        "color": "#2080c0",
        "id": 7,
        "sublabels": [],
        "has_parent": False,
        "parent_id": None,
        "project_id": 3,
        "elements": [],
    },
    {
        "name": "dog",
        "attributes": [],
        "type": "skeleton",
        "color": "#5986b3",
        "id": 8,
        "svg": DRAWING.format(by="id", nose=9, tail=10).replace('"', "&quot;"),
        "sublabels": [
            sublabel("nose", color="#d12345", id=9, has_parent=True),
            sublabel("tail", color="#350dea", id=10, has_parent=True, parent=8),
        ],
    },
]
TAKEN = [
    {
        "name": "car",
        "type": "rectangle",
        "attributes": [
            attribute("side", "select", "right", ["left", "right"], mutable=True),
            attribute("doors", "number", "2", ["2", "5", "1"]),
            attribute("parked", "checkbox", "true", ["false"]),
            attribute("plate", "text", "", [""]),
        ],
        "color": "#2080c0",
    },
    {
        "name": "dog",
        "type": "skeleton",
        "attributes": [],
        "color": "#5986b3",
        "svg": DRAWING.format(by="name", nose="nose", tail="tail"),
        "sublabels": [sublabel("nose", color="#d12345"), sublabel("tail", color="#350dea")],
    },
]


def load(tmp_path, content, name=None):
    """Load text as YAML, and anything else as JSON."""
    is_text = isinstance(content, str)
    path = tmp_path / (name or ("labels.yaml" if is_text else "labels.json"))
    path.write_text(content if is_text else json.dumps(content), encoding="utf-8")
    return load_labels(path)


def load_attribute(tmp_path, **entry):
    (label,) = load(tmp_path, [{"name": "car", "attributes": [{"name": "a", **entry}]}])
    (made,) = label["attributes"]
    return made["default_value"], made["values"]


def test_an_export_becomes_what_the_api_takes(tmp_path):
    assert load(tmp_path, EXPORT) == TAKEN


def test_what_was_taken_is_taken_again(tmp_path):
    assert load(tmp_path, TAKEN) == TAKEN
    assert load(tmp_path, json.dumps(EXPORT, indent=2), "raw.txt") == TAKEN  # JSON is YAML
    assert load(tmp_path, "\ufeff" + json.dumps(EXPORT), "raw.JSON") == TAKEN


def test_cvat_takes_the_labels_and_its_answer_is_an_export_too(tmp_path, stand_in):
    with make_client(stand_in.url, credentials=("admin", "secret")) as client:
        project = client.projects.create({"name": "p", "labels": load(tmp_path, EXPORT)})
        listed = client.api_client.labels_api.list(project_id=project.id, _parse_response=False)
        found = json.loads(listed[1].data)["results"]
    assert f'data-label-id="{found[1]["sublabels"][0]["id"]}"' in found[1]["svg"]
    assert load(tmp_path, found) == TAKEN


def test_a_list_of_names(tmp_path):
    names = ["car", "person", "naïve 車"]
    made = [{"name": name, "type": "any", "attributes": []} for name in names]
    assert load(tmp_path, "- car\n-   person \n- naïve 車\n") == made
    assert load(tmp_path, "- car\n- {name: person}\n- name: 'naïve 車'\n  type: any\n") == made


def test_yaml_with_its_conveniences(tmp_path):
    text = """
- name: car
  type: bbox
  color: '#FF00aa'
  attributes:
    - {name: seats, input_type: select, values: [2, 4, 4.5, off, true]}
    - {name: speed, input_type: number, values: [-0.5, 1.5, 0.5]}
    - {name: parked, input_type: checkbox, mutable: true}
    - {name: note, input_type: text}
- name: dog
  type: skeleton
  sublabels: [nose]
  svg: |
    <circle
      data-label-name="nose"/>
"""
    assert load(tmp_path, text) == [
        {
            "name": "car",
            "type": "rectangle",
            "attributes": [
                attribute("seats", "select", "2", ["2", "4", "4.5", "off", "true"]),
                attribute("speed", "number", "-0.5", ["-0.5", "1.5", "0.5"]),
                attribute("parked", "checkbox", "false", ["false"], mutable=True),
                attribute("note", "text", "", [""]),
            ],
            "color": "#ff00aa",
        },
        {
            "name": "dog",
            "type": "skeleton",
            "attributes": [],
            "sublabels": [sublabel("nose")],
            "svg": '<circle   data-label-name="nose"/>',
        },
    ]


@pytest.mark.parametrize(
    ("entry", "default", "values"),
    [
        ({"input_type": "radio", "values": [" b ", "a"]}, "b", ["b", "a"]),
        ({"input_type": "radio", "values": ["b", "a"], "default_value": "a"}, "a", ["b", "a"]),
        ({"input_type": "select", "values": ["", "a"]}, "", ["", "a"]),
        ({"input_type": "number", "values": [0, 10, 10]}, "0", ["0", "10", "10"]),
        ({"input_type": "number", "values": ["0", "1", ".5"], "default_value": 1}, "1", None),
        ({"input_type": "checkbox"}, "false", ["false"]),
        ({"input_type": "checkbox", "values": ["True"]}, "true", ["true"]),
        ({"input_type": "checkbox", "values": [True, False]}, "false", ["true", "false"]),
        ({"input_type": "checkbox", "default_value": True}, "true", ["true"]),
        ({"input_type": "text"}, "", [""]),
        ({"input_type": "text", "values": ["unknown"]}, "unknown", ["unknown"]),
        ({"input_type": "text", "default_value": "x"}, "x", ["x"]),
        ({"input_type": "radio", "type": "RADIO", "id": -4, "values": ["a"]}, "a", ["a"]),
    ],
)
def test_defaults_of_attributes(tmp_path, entry, default, values):
    made = load_attribute(tmp_path, **entry)
    assert made == (default, values or entry["values"])


def test_no_color_lets_cvat_choose(tmp_path):
    assert "color" not in load(tmp_path, [{"name": "car", "color": ""}])[0]


def test_sublabels_that_are_not_saved_have_negative_ids(tmp_path):
    dog = {"name": "dog", "type": "skeleton", "sublabels": [{"name": "nose", "id": -3}]}
    (made,) = load(tmp_path, [{**dog, "svg": '<circle data-label-id="-3"/>'}])
    assert made["svg"] == '<circle data-label-name="nose"/>'


def refusal(tmp_path, content, name=None):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, content, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no labels in it: write a list"),
        ("[]", "no labels in it"),
        ("labels: [car]", "expected a list of labels"),
        ("car", "expected a list of labels"),
        ("- [", "not a YAML file"),
        ("[" * 3000, "not a YAML file"),
        ("- car\n- bus\n- car", "label 3 'car' is the same as 1: rename"),
        ("- car\n- name: ' car '", "label 2 'car' is the same as 1"),
        ("- car\n- 7", "label 2: expected keys and values .*, not '7'.* needs quotes"),
        ("- car\n-", "label 2: expected keys and values"),
        ("- name: 7", "label 1: name must be text, not '7': put it in quotes"),
        ("- name:", "label 1: name must be text"),
        ("- ' '", "label 1 '': the name is empty"),
        ("- {type: any}", "label 1 has no name"),
        ("- " + "x" * 65, "label 1 'x+…': name 'x+…' has 65 characters, CVAT takes 64"),
        ('- "a\\0b"', r"name 'a\\x00b' has a control character"),
        ("- {name: car, colour: red}", "label 1 'car': key 'colour' is unknown. Did you.*'color'"),
        ("- {name: car, deleted: true}", "key 'deleted' is unknown. Known: name, color, type"),
        ("- {name: car, 1: 2}", "key '1' is unknown"),
        ("- {name: car, color: red}", "label 1 'car': color 'red' is not like '#ff0000'"),
        ("- {name: car, color: '#12345'}", "color '#12345' is not like"),
        ("- name: car\n  color: #ff0000", "color 'None' is not like.*in YAML it needs the quotes"),
        ("- {name: car, type: poligon}", "type 'poligon' is unknown. Did you mean 'polygon'"),
        ("- {name: car, type: Mask}", "type 'Mask' is unknown. Did you mean 'mask'"),
        ("- {name: car, type: [mask]}", "type '\\['mask'\\]' is unknown"),
        ("- {name: car, attributes: side}", "attributes must be a list, not 'side'"),
        ("- {name: car, attributes: [side]}", "label 1 'car': attribute 1: expected keys"),
        ("- {name: car, sublabels: [nose]}", "only a skeleton has sublabels and svg"),
        ("- {name: car, svg: <circle/>}", "only a skeleton has sublabels and svg"),
        ("- {name: dog, type: skeleton}", "label 1 'dog': a skeleton needs 'sublabels'"),
        ("- {name: dog, type: skeleton, sublabels: nose}", "sublabels must be a list"),
        ("- {name: dog, type: skeleton, sublabels: [nose]}", "a skeleton needs 'svg'"),
        ("- {name: dog, type: skeleton, sublabels: [nose], svg: 1}", "a skeleton needs 'svg'"),
        ("- {name: dog, type: skeleton, sublabels: [a, a]}", "sublabel 2 'a' is the same as 1"),
        (
            "- {name: dog, type: skeleton, sublabels: [{name: b, type: skeleton}]}",
            "label 1 'dog': sublabel 1 'b': a skeleton cannot be inside another",
        ),
        (
            "- {name: dog, type: skeleton, sublabels: [{name: b, sublabels: [c]}]}",
            "a skeleton cannot be inside another",
        ),
        (
            "- &dog {name: dog, type: skeleton, sublabels: [*dog]}",
            "a skeleton cannot be inside another",
        ),
    ],
)
def test_bad_labels_are_refused(tmp_path, text, message):
    assert re.search(
        rf"^{re.escape(str(tmp_path))}/labels.yaml: .*{message}", refusal(tmp_path, text)
    )


@pytest.mark.parametrize(
    ("svg", "message"),
    [
        ("<circle/>", "svg has no point for sublabel 'nose'"),
        ('<circle data-label-name="ear"/>', "svg has no point for sublabel 'nose'"),
        ('<circle data-label-id="5"/><circle data-label-id="6"/>', 'data-label-id="6", which is'),
        (
            '<circle data-label-name="nose"/><circle data-label-name="ear"/>',
            'svg has data-label-name="ear", which is none of the sublabels (nose): copy',
        ),
        ('<circle data-label-id="5"/>\ud800', "svg .* has a control character"),
    ],
)
def test_drawings_that_do_not_fit_their_sublabels_are_refused(tmp_path, svg, message):
    nose = {"name": "nose", "id": 5}
    dog = {"name": "dog", "type": "skeleton", "svg": svg, "sublabels": [nose]}
    told = refusal(tmp_path, [dog])
    assert message in told or re.search(message, told)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "has no 'input_type': add one of select, radio"),
        ({"input_type": "Select"}, "input_type 'Select' is unknown. Did you mean 'select'"),
        ({"input_type": "list"}, "input_type 'list' is unknown"),
        ({"input_type": "text", "mutabel": True}, "key 'mutabel' is unknown. .*'mutable'"),
        ({"input_type": "text", "mutable": "yes"}, "mutable must be true or false, not 'yes'"),
        ({"input_type": "select"}, "a select needs 'values' to choose from"),
        ({"input_type": "radio", "values": [""]}, "a radio needs 'values' to choose from"),
        ({"input_type": "radio", "values": "a"}, "values must be a list, not 'a'"),
        ({"input_type": "radio", "values": ["a", None]}, "value must be text, not 'None'"),
        ({"input_type": "radio", "values": [["a"]]}, "value must be text"),
        ({"input_type": "radio", "values": ["a", "b", "a"]}, "value 3 'a' is the same as 1"),
        ({"input_type": "radio", "values": ["1", 1]}, "value 2 '1' is the same as 1"),
        ({"input_type": "radio", "values": ["a\nb"]}, "value 'a.*b' has a control character"),
        ({"input_type": "radio", "values": ["x" * 201]}, "has 201 characters, CVAT takes 200"),
        ({"input_type": "radio", "values": ["x" * 150]}, "has 150 characters, CVAT takes 128"),
        (
            {"input_type": "radio", "values": [f"{i:0128}" for i in range(32)]},
            "CVAT keeps 4096 characters of values",
        ),
        (
            {"input_type": "radio", "values": ["a", "b"], "default_value": "c"},
            "default_value 'c' is none of its values .a, b.",
        ),
        ({"input_type": "text", "default_value": ["a"]}, "default_value must be text"),
        ({"input_type": "checkbox", "values": ["yes"]}, "a checkbox has the values 'true'"),
        ({"input_type": "checkbox", "default_value": 1}, "'1' is none of 'true' and 'false'"),
        ({"input_type": "number"}, r"\[min, max, step\]"),
        ({"input_type": "number", "values": [0, 1]}, r"\[min, max, step\]"),
        ({"input_type": "number", "values": [1, 1, 1]}, "min below max"),
        ({"input_type": "number", "values": [0, 10, 0]}, "a step that fits"),
        ({"input_type": "number", "values": [0, 10, 11]}, "a step that fits"),
        ({"input_type": "number", "values": [0, "ten", 1]}, "not .0, ten, 1."),
        ({"input_type": "number", "values": [0, float("inf"), 1]}, "not .0, inf, 1."),
        (
            {"input_type": "number", "values": [0, 9, 1], "default_value": 10},
            "default_value '10' is no number from 0 to 9",
        ),
        ({"input_type": "number", "values": [0, 9, 1], "default_value": "x"}, "is no number"),
        ({"input_type": "text", "name": "x" * 65}, "has 65 characters"),
    ],
)
def test_bad_attributes_are_refused(tmp_path, entry, message):
    told = refusal(tmp_path, ["bus", {"name": "car", "attributes": [{"name": "side", **entry}]}])
    assert re.search(f"/labels.json: label 2 'car': attribute 1 '(side|x+…)'.*{message}", told)


def test_attributes_of_one_label_have_different_names(tmp_path):
    side = {"name": "side", "input_type": "text"}
    told = refusal(tmp_path, [{"name": "car", "attributes": [side, side]}])
    assert "label 1 'car': attribute 2 'side' is the same as 1" in told
    apart = [{"name": "car", "attributes": [side]}, {"name": "bus", "attributes": [side]}]
    assert len(load(tmp_path, apart)) == 2


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"none.json: cannot read the labels: No such file"):
        load_labels(tmp_path / "none.json")
    with pytest.raises(UsageError, match="must be in a regular file"):
        load_labels(tmp_path)
    assert "not a JSON file: Expecting" in refusal(tmp_path, "- car", "labels.json")
    (tmp_path / "latin.yaml").write_bytes(b"- na\xefve")
    with pytest.raises(UsageError, match=r"latin.yaml: not a text file in UTF-8"):
        load_labels(tmp_path / "latin.yaml")


def test_messages_are_safe_to_print(tmp_path):
    told = refusal(tmp_path, [{"name": "a\u001b[31m", "colr": 1}], "a\nb.json")
    assert told.isprintable()
