"""Scores of answers against the paper's table, worked examples, scipy, scikit-learn and brute force."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures_preferences import answer
from scipy.optimize import minimize
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from atelier.cli import main
from atelier.common.errors import UserError
from atelier.preferences.answers import Answers
from atelier.preferences.outcomes import Outcome, draw_wins, majority, outcome_of, share_wins
from atelier.preferences.score import bradley_terry, score_answers, vote
from atelier.preferences.tables import survey_table
from atelier.stats.agreement import cohen_kappa, krippendorff_alpha, rate, wilson

# Table 2 of the paper: rows are prompts, columns participants, the fine-tuned model's picture always on the left. Each
# row is printed up to the last cell that differs from the one before; the remaining cells repeat it.
PRINTED = ["left right left", "left right right left right right left left left right", *["left"] * 8]

PAPER = [row + row[-1:] * (10 - len(row)) for row in map(str.split, PRINTED)]
ANSWERS = [answer(f"participant {n + 1:02d}", p, choice) for p, row in enumerate(PAPER) for n, choice in enumerate(row)]


def test_the_paper_s_table_gives_its_percentages():
    report = score_answers(Answers(ANSWERS, None), draws=500, seed=0)
    cell = report["win_rates"]["finetuned over original"]
    assert [cell[key] for key in ("wins", "losses", "ties", "n")] == [94, 6, 0, 100]
    assert cell["mean"] == 0.94
    by_rater = [cells["finetuned over original"]["wins"] for cells in report["by_rater"].values()]
    assert by_rater == [10, 8, 9, 10, 9, 9, 10, 10, 10, 9]
    # "preferred … in over 8 out of 10 prompts" does not hold for participant 2; the appendix's "at least 8" does
    assert min(by_rater) == 8
    assert cell["boot_lo"] < cell["ci_lo"]  # prompt 2 has five of the six losses: answers are correlated
    assert report["krippendorff_alpha"] == pytest.approx(brute_alpha(PAPER), abs=1e-6)
    assert 0 < report["krippendorff_alpha"] < 0.5  # nearly all chose left, so chance agreement is high too
    assert report["strengths"]["finetuned"]["mean"] == pytest.approx(np.log(94.5 / 6.5) / 2, abs=1e-6)
    assert report["strengths"]["finetuned"]["ci_lo"] > 0
    assert majority(vote(ANSWERS)) == {f"p{n:02d}": "tie" if n == 1 else "finetuned" for n in range(10)}


def brute_alpha(table: list[list[str]]) -> float:
    """Compute Krippendorff's α from its definition: disagreeing pairs of labels within units and overall."""
    within = [[a != b for i, a in enumerate(row) for j, b in enumerate(row) if i != j] for row in table]
    observed = np.mean([value for row in within for value in row])
    labels = [label for row in table for label in row]
    overall = [a != b for i, a in enumerate(labels) for j, b in enumerate(labels) if i != j]
    return 1 - observed / np.mean(overall)


def test_alpha_of_krippendorff_s_example():
    """ "Computing Krippendorff's Alpha-Reliability" (2011), section C: nominal, four observers, data missing."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[value for value in unit if value != "."] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize(
    ("units", "alpha"),
    [
        *((units, None) for units in ("", "a b", "aa aa", "aa b")),  # fewer than two raters or two labels
        *(("aa bb", 1), ("ab ba", -0.5)),  # agreement; systematic disagreement: 1 - 1 / (2 / 3)
    ],
)
def test_alpha_at_its_limits(units, alpha):
    assert krippendorff_alpha([list(unit) for unit in units.split()]) == alpha


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (94, 100), (0, 30), (7, 9), (500, 1000)])
def test_wilson_equals_scipy(successes, n):
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_a_half_success_lies_between_its_neighbours():
    for low, mid, high in zip(wilson(7, 10), wilson(7.5, 10), wilson(8, 10), strict=True):
        assert low < mid < high
    assert rate(0, 0) == {"n": 0}


def test_kappa_equals_scikit_learn():
    rng = np.random.default_rng(0)
    ones = rng.choice(["a", "b", "tie"], 80, p=[0.6, 0.3, 0.1])
    others = np.where(rng.random(80) < 0.7, ones, rng.choice(["a", "b", "tie"], 80))
    assert cohen_kappa(list(zip(ones, others, strict=True))) == pytest.approx(cohen_kappa_score(ones, others))
    assert [cohen_kappa(labels) for labels in ([("a", "a")] * 3, [])] == [None, None]


def test_strengths_maximise_the_likelihood():
    wins, compared = np.array([[0, 7, 4.5], [2, 0, 6], [1.5, 3, 0]]), ~np.eye(3, dtype=bool)

    def loss(free: np.ndarray) -> float:
        s = np.array([0, *free])
        return float(((wins + 0.5 * compared) * np.log1p(np.exp(s[None] - s[:, None]))).sum())

    best = np.array([0, *minimize(loss, np.zeros(2), tol=1e-12).x])
    np.testing.assert_allclose(bradley_terry(wins, compared), best - best.mean(), atol=1e-5)
    never_lost, other = bradley_terry(np.array([[0, 8.0], [0, 0]]), ~np.eye(2, dtype=bool))
    np.testing.assert_allclose(never_lost - other, np.log(8.5 / 0.5))


def test_unconnected_systems_have_no_strengths():
    rows = [answer("ann", 0, "left"), answer("ann", 1, "left", left="a", right="b")]
    report = score_answers(Answers(rows, None), draws=20, seed=0)
    assert report["strengths"] == {}
    assert list(report["win_rates"]) == ["a over b", "finetuned over original"]
    assert "not all systems are connected" in survey_table(report)
    bridge = answer("ann", 2, "left", left="a", right="original")
    connected = score_answers(Answers([*rows, bridge], None), draws=20, seed=0)
    assert list(connected["strengths"]) == ["a", "b", "finetuned", "original"]


def crossed(rng: np.random.Generator, raters: int, prompts: int, *, spread: float) -> list[Outcome]:
    """Simulate every rater on every prompt; the log odds of "a" are a prompt's plus a rater's random effect."""
    odds = rng.normal(0, spread, prompts)[None] + rng.normal(0, spread, raters)[:, None]
    won = rng.random((raters, prompts)) < 1 / (1 + np.exp(-odds))
    return [
        Outcome(f"r{r}", f"p{p}", f"prompt {p}", "", ("a", "b"), "a" if w else "b") for (r, p), w in np.ndenumerate(won)
    ]


def test_an_answer_s_weight_is_the_product_of_its_rater_s_and_its_prompt_s_counts():
    outcomes = crossed(np.random.default_rng(1), 4, 5, spread=1)
    outcomes[3] = Outcome(**vars(outcomes[3]) | {"winner": "tie"})
    drawn = draw_wins(outcomes, ["a", "b"], 200, seed=5)
    np.testing.assert_allclose(np.diagonal(drawn, axis1=1, axis2=2), 0)
    # the counts of 4 raters sum to 4, those of 5 prompts to 5: a complete table keeps its size in every draw
    np.testing.assert_allclose(drawn.sum((1, 2)), 20)
    wins = share_wins(outcomes, ["a", "b"]).sum(0)
    assert wins[0, 1] == sum(o.winner == "a" for o in outcomes) + 0.5
    np.testing.assert_allclose(drawn.mean(0), wins, atol=1)
    assert not np.allclose(drawn, draw_wins(outcomes, ["a", "b"], 200, seed=6))


def test_raters_and_prompts_are_resampled_independently():
    """Rater i answers only prompt i: its mean weight is 1; with identical draws it would be about 1.9."""
    outcomes = [Outcome(f"r{n}", f"p{n}", f"prompt {n}", "", ("a", "b"), "a") for n in range(10)]
    assert draw_wins(outcomes, ["a", "b"], 500, seed=2)[:, 0, 1].mean() == pytest.approx(10, abs=1)


def test_intervals_by_rater_and_prompt_have_the_coverage_that_wilson_s_lacks():
    rng = np.random.default_rng(4)
    covered = np.zeros(2)  # clustered, Wilson
    for trial in range(100):
        outcomes = crossed(rng, 12, 12, spread=1.0)
        drawn = draw_wins(outcomes, ["a", "b"], 200, seed=trial)[:, 0, 1] / 144
        intervals = np.percentile(drawn, [2.5, 97.5]), wilson(sum(o.winner == "a" for o in outcomes), 144)
        covered += [low <= 0.5 <= high for low, high in intervals]
    assert covered[0] >= 88
    assert covered[1] < 80


def test_only_first_trials_vote_ties_count_half_and_repeats_give_self_agreement():
    swapped = {"left": "original", "right": "finetuned", "repeat": True}
    rows = [
        answer("ann", 0, "left"), answer("ann", 1, "right"), answer("ann", 2, "tie"), answer("ann", 3, "left"),
        answer("ann", 0, "right", **swapped),  # the same system again
        answer("ann", 1, "right", **swapped),  # the same side, so the other system
        answer("ann", 2, "invalid", **swapped),
        answer("bob", 9, "left", **swapped),  # a repeat of nothing
    ]  # fmt: skip
    report = score_answers(Answers(rows, 9), draws=50, seed=0)
    cell = report["win_rates"]["finetuned over original"]
    assert [cell[key] for key in ("wins", "losses", "ties", "mean")] == [2, 1, 1, 0.625]
    assert (report["self_agreement"]["mean"], report["self_agreement"]["n"]) == (0.5, 2)
    assert (report["left_preferred"]["mean"], report["left_preferred"]["n"]) == (0.5, 6)
    assert (report["answers"], report["repeats"], report["invalid"], report["torn_lines"]) == (4, 3, 1, 1)
    assert "krippendorff_alpha" not in report  # one rater


def test_a_majority_is_a_tie_if_two_are_equal():
    outcomes = [outcome_of(answer(str(n), 0, "left"), winner) for n, winner in enumerate("aabb")]
    assert [majority(outcomes[:count]) for count in (2, 3, 4)] == [{"p00": winner} for winner in ("a", "a", "tie")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no valid answers"),
        ([answer("ann", 0, "invalid")], "no valid answers"),
        ([answer("ann", 0, "left", repeat=True)], "only repeats, without the first answers"),
        ([answer("ann", 0, "left"), answer("bob", 0, "left", question="Which?")], "several questions"),
        ([answer("ann", 0, "left"), answer("bob", 0, "left", content="x")], "'p00' is the name of two different pairs"),
        ([answer("ann", 0, "left"), answer("ann", 0, "tie")], "'ann' answered pair 'p00' twice"),
    ],
)
def test_inconsistent_answers_are_refused(rows, message):
    with pytest.raises(UserError, match=message):
        score_answers(Answers(rows, None), draws=10, seed=0)


def test_the_command_writes_a_report_and_prints_a_table(tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [*ANSWERS, answer("participant 01", 5, "right", left="original", right="finetuned", repeat=True)]
    file.write_text("".join(row.model_dump_json() + "\n" for row in rows) + '{"rater": "half')
    result = CliRunner().invoke(main, ["survey", "--score", str(file)])
    assert (result.exit_code, "line 102: incomplete, skipped" in result.stderr) == (0, True)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("finetuned over original")]
    assert line.split()[3:7] == ["94", "6", "0", "94.0%"]
    report = json.loads((tmp_path / "answers.json").read_text())
    assert report["win_rates"]["finetuned over original"]["ci_lo"] == pytest.approx(0.8752, abs=1e-4)
    assert CliRunner().invoke(main, ["survey", "--score", str(file)]).stdout == result.stdout


@pytest.mark.parametrize(
    "words",
    [[], ["pairs.csv"], ["pairs.csv", "--score", "a.jsonl"], ["--score", "none.jsonl"], ["--out", "a.jsonl"],
     ["none.csv", "--out", "a.jsonl"], ["--score", "a.json", "--out", "a.json"]],
)  # fmt: skip
def test_a_user_error_of_survey_is_one_line(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["survey", *words])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
