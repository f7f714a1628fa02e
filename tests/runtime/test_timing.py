from ofa.runtime import measure_ms, stopwatch


def sleeper(seconds):
    import time

    return lambda: time.sleep(seconds)


def test_a_timing_lies_between_its_tenth_and_ninetieth_percentile():
    (timing,) = measure_ms([sleeper(0.002)], warmup=1, repeats=5)

    assert 2 <= timing.p10_ms <= timing.median_ms <= timing.p90_ms
    assert timing.repeats == 5


def test_of_two_runs_the_slower_one_measures_slower():
    fast, slow = measure_ms([sleeper(0.001), sleeper(0.01)], warmup=1, repeats=3)

    assert fast.median_ms < slow.median_ms


def test_a_run_shorter_than_a_sample_is_called_many_times_and_its_mean_counted():
    calls = []

    (timing,) = measure_ms([lambda: calls.append(None)], warmup=1, repeats=3)

    assert len(calls) > 3 * 100
    assert timing.median_ms < 0.1


def test_runs_take_turns_so_that_a_machine_that_slows_down_slows_all_of_them():
    turns = []
    pause = sleeper(0.002)  # longer than a sample, so that a sample is one call

    def named(name):
        return lambda: (turns.append(name), pause())

    measure_ms([named("a"), named("b")], warmup=1, repeats=3)

    counted = turns[-3 * 4 :]
    assert counted == ["a", "a", "b", "b"] * 3


def test_a_stopwatch_tells_the_seconds_since_it_was_started():
    elapsed_s = stopwatch()
    sleeper(0.01)()

    first, second = elapsed_s(), elapsed_s()

    assert 0.01 <= first <= second
