"""The matrix of clauses: it finds every clause of the data, and a clause without a test."""

from tests.clauses import clauses_of, collect, matrix, order
from tests.plans.files import gaoqing, tiny


def test_every_clause_of_the_data_is_found() -> None:
    found = clauses_of(gaoqing())
    assert found["4.2(3)"] == {"packs"}
    assert found["附件1 二(二)"] == {"grading", "readings"}
    assert found["附件2 县信访局"] == {"bodies"}
    assert {"1.4", "3.2.2(1)", "4.6.4", "4.7.2", "7.2", "药品管理法 100"} <= set(found)
    assert sorted(found, key=order)[0] == "1.1"
    assert clauses_of(tiny())["TA 2(1)"] == {"grading"}


def test_a_clause_without_a_test_is_missing_though_its_chapter_has_one() -> None:
    shown = {clause: ["tests/x.py::test_a"] for clause in clauses_of(gaoqing())}
    assert matrix(gaoqing(), shown)[1] == []
    del shown["4.2(3)"], shown["附件1"]
    lines, missing = matrix(gaoqing(), shown)
    assert missing == ["4.2(3)", "附件1"]
    assert lines[lines.index("4.2(3)  [packs]") + 1].strip() == "— no test"


def test_a_clause_shown_by_data_alone_says_so() -> None:
    shown = {
        "4.2(1)": ["tests/plans/x.py::test_a"],
        "4.2(2)": ["tests/plans/x.py::test_a", "tests/domain/x.py::test_b[1]"],
    }
    lines, _ = matrix(gaoqing(), shown)
    assert "the data alone" in lines[lines.index("4.2(1)  [packs]") + 2]
    after = lines.index("4.2(2)  [packs]")
    assert lines[after + 1 : after + 3] == ["    plans/x.py::test_a", "    domain/x.py::test_b"]
    assert "data alone" not in lines[after + 3]


def test_markers_are_collected_from_the_tests_themselves() -> None:
    shown = collect("tests/domain/test_grading.py")
    assert "附件1 四(一)" in shown
    assert all(test.startswith("tests/domain/test_grading.py::") for test in shown["附件1 四(一)"])
    assert "4.2(3)" not in shown


def test_clauses_are_ordered_as_in_the_plan() -> None:
    mixed = ["附件1 四(一)", "2.2(10)", "药品管理法 100", "2.2(9)", "10.1", "2.2", "附件1 一(二)"]
    assert sorted(mixed, key=order) == [
        "2.2",
        "2.2(9)",
        "2.2(10)",
        "10.1",
        "附件1 一(二)",
        "附件1 四(一)",
        "药品管理法 100",
    ]
