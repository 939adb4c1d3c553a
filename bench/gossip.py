# SPDX-License-Identifier: Apache-2.0
"""What gossip promises, measured in virtual time: how soon a death is known, what is wrongly buried, what it costs.

    .venv/bin/python -m bench.gossip [--seeds 5]

Virtual time does not depend on the machine: the same seeds give the same figures. Only the last column is processor
time. A slow member reads and sends everything 1 to 4 s late; "well" are all others.
"""

from __future__ import annotations

import argparse
import statistics
import time

from tests.gossip.stage import Link, Stage

from tricord.gossip import Standing

SIZES = (3, 10, 30, 100)
PATIENCE_SECONDS = 120.0
SLOW_SECONDS = 60.0
REST_SECONDS = 20.0


def settled(count: int, seed: int, link: Link, **settings: object) -> Stage:
    """All know all."""
    stage = Stage(count, seed, link, **settings)
    while not stage.agreed():
        stage.run(0.5)
    stage.run(5.0)
    return stage


def detection(count: int, seed: int, link: Link) -> float:
    """Seconds from a death until all others know."""
    stage = settled(count, seed, link)
    stage.stop(count)
    began = stage.now
    while set(stage.standings(count)) != {Standing.DEAD} and stage.now - began < PATIENCE_SECONDS:
        stage.run(0.1)
    return stage.now - began


def show_detection(seeds: int) -> None:
    """Each size, on a good network and on a bad one."""
    print(f"{'members':>8} {'loss':>6} {'median s':>9} {'worst s':>9} {'stated s':>9}")
    for count in SIZES:
        for loss in (0.0, 0.2):
            runs = range(seeds if count < 100 else 1)
            found = [detection(count, seed, Link(loss=loss)) for seed in runs]
            stated = settled(2, 0, Link()).actors[1].core.config.detection_seconds(count)
            median = statistics.median(found)
            print(f"{count:>8} {loss:>6.0%} {median:>9.1f} {max(found):>9.1f} {stated:>9.1f}")


def show_false_deaths(seeds: int) -> None:
    """With local health and without it, one member slow, a fifth of all packets lost."""
    print(f"{'members':>8} {'local health':>13} {'well by well':>13} {'well by slow':>13} {'slow by well':>13}")
    for count in (3, 5, 12):
        for local_health in (True, False):
            deaths = [0, 0, 0]
            for seed in range(seeds):
                stage = settled(count, seed, Link(loss=0.2), local_health=local_health)
                stage.actors[1].lag = (1.0, 4.0)
                stage.run(SLOW_SECONDS)
                well = range(2, count + 1)
                for place, (of, by) in enumerate(((well, well), (well, [1]), ([1], well))):
                    deaths[place] += len(stage.deaths(of, by))
            print(f"{count:>8} {'on' if local_health else 'off':>13} {deaths[0]:>13} {deaths[1]:>13} {deaths[2]:>13}")


def show_load() -> None:
    """At rest, of one member."""
    print(f"{'members':>8} {'packets/s':>10} {'bytes/s':>9} {'sealed':>9} {'us/s':>9}")
    for count in SIZES:
        found = []
        for keys in ((), (bytes(32),)):
            stage = settled(count, 0, Link(), keys=keys)
            stage.run(10.0)
            counts = [actor.core.counts for actor in stage.actors.values()]
            packets, size, began = (
                sum(c.packets_sent for c in counts),
                sum(c.bytes_sent for c in counts),
                time.process_time(),
            )
            stage.run(REST_SECONDS)
            spent = (time.process_time() - began) / count / REST_SECONDS * 1e6
            found.append(
                (
                    (sum(c.packets_sent for c in counts) - packets) / count / REST_SECONDS,
                    (sum(c.bytes_sent for c in counts) - size) / count / REST_SECONDS,
                    spent,
                )
            )
        (packet_rate, plain, _), (_, sealed, spent) = found
        print(f"{count:>8} {packet_rate:>10.1f} {plain:>9.0f} {sealed:>9.0f} {spent:>9.0f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="gossip, measured in virtual time")
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    print("a member dies: until all others know")
    show_detection(seeds)
    print(f"\ndeaths of living members in {SLOW_SECONDS:.0f} s, {seeds} seeds together, one member slow, 20 % loss")
    show_false_deaths(seeds)
    print("\nat rest, of one member: in the clear and sealed; processor time of the core and of the stage together")
    show_load()


if __name__ == "__main__":
    main()
