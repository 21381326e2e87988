from inference.lab.slices import by_slice, counted, policy_cases
from tests.judged_pictures import folder, outcome

JUDGED = folder(
    outcome("cat", "cat", "phone"),
    outcome("dog", "neither", "phone"),
    outcome("neither", "cat", "people"),
    outcome("neither", "dog", "x-drawings"),
    outcome("neither", "neither"),
)


def test_each_slice_has_its_own_figures() -> None:
    slices = by_slice(JUDGED)
    assert list(slices) == ["people", "phone", "x-drawings"]
    phone = slices["phone"].evaluation.proportions()
    assert (phone["pets_accepted"].part, phone["pets_accepted"].whole) == (1, 2)
    assert slices["people"].evaluation.others_accepted == 1


def test_policy_cases_are_in_no_total() -> None:
    assert counted(JUDGED).evaluation.proportions()["non_pets_accepted"].whole == 2
    assert [each.labelled.slice for each in policy_cases(JUDGED).outcomes] == ["x-drawings"]
    assert len(counted(JUDGED).outcomes) + len(policy_cases(JUDGED).outcomes) == len(JUDGED.outcomes)


def test_a_slice_cannot_steer_a_terminal() -> None:
    assert list(by_slice(folder(outcome("cat", "cat", "\x1b[2Jphone")))) == ["\ufffd[2Jphone"]
