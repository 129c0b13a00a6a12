# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""One run of the bench: its folder, its data, its rounds."""
import json
import os
import random
import subprocess
import sys
import time

import cases
import measure
import stores

FEWEST_ROUNDS = 3


class Run:
    """One contender in one round, ready to go."""

    def __init__(self, data, fresh, log, first):
        self.data, self.fresh, self.log, self.first = data, fresh, log, first
        self.command = ""

    def summary(self):
        """The last line of `--json`."""
        with open(self.log, "rb") as lines:
            return json.loads(lines.read().splitlines()[-1])


class Session:
    Failed = measure.Failed

    def __init__(self, program, without_isal, folder, args):
        self.program = os.path.abspath(program)
        with open(program, "rb") as file:
            self.program_bytes = file.read()
        if cases.IGZIP not in self.program_bytes:
            without_isal = self.program
        self.without_isal = without_isal    # the same program; None: there is none
        self.folder, self.log = folder, os.path.join(folder, "log")
        self.scale, self.rounds, self.cold = args.scale, args.rounds, args.cold
        self.end = time.monotonic() + args.minutes * 60
        self.failures = []
        self.random = random.Random()

    def scaled(self, number):
        return max(1, int(number * self.scale))

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def do(self, command):
        """Something that is not measured."""
        measure.run(command, self.log)

    def blobs(self, folder):
        return measure.files_below(os.path.join(folder, "blobs"))

    def sizes(self, folder):
        """{name: size} of all files below it."""
        return {os.path.basename(one): os.path.getsize(one)
                for one in measure.files_below(folder)}

    def place(self, *names):
        return os.path.join(self.folder, *names)

    def time_left(self):
        return self.end - time.monotonic()

    # ---- data

    def data(self, name):
        """The folder of the data, made when it is not there."""
        folder = self.place("data", name)
        if os.path.exists(folder):
            return folder
        before = time.monotonic()
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        stores.load_pool()
        cases.DATA[name](self, folder)
        os.sync()
        if name in cases.IN_PLACE:
            self.do(f"{self.program} init -q {folder} && {self.program} --store {folder} -q fsck")
        self.say(f"  made {name} in {time.monotonic() - before:.1f} s")
        return folder

    def forget(self, name):
        """Large files go as soon as nothing needs them; many small ones stay to the
        end, since creating files after deleting many is slow."""
        if name not in cases.MANY_FILES:
            stores.remove(self.place("data", name))

    # ---- rounds

    def usable(self, case):
        """The names of the contenders that can be run here."""
        return [name for name, one in case.contenders.items()
                if all(switch.encode() in self.program_bytes for switch in one.env)
                and (self.without_isal or "{without_isal}" not in one.command)]

    def prepare(self, case, name, number):
        contender = case.contenders[name]
        fresh = self.place("runs", f"{case.name}-{number}-{name.replace(' ', '-')}")
        os.makedirs(fresh)
        run = Run(self.data(case.data), fresh, self.log, not number)
        if contender.prepare:
            contender.prepare(self, run)
        run.command = contender.command.format(
            program=self.program, without_isal=self.without_isal, data=run.data, fresh=fresh)
        os.sync()
        if case.cold:
            measure.make_cold(run.data, self.cold)
        return run

    def run(self, case, name, number):
        contender, run = case.contenders[name], self.prepare(case, name, number)
        cost = measure.run(run.command, self.log, contender.env)
        if contender.verify:
            contender.verify(self, run)
        if not contender.keep:
            stores.remove(run.fresh)
        return cost.as_dict()

    def round(self, case, names, number):
        """One run of each; who fails is left out from then on."""
        self.random.shuffle(names)
        costs = {}
        for name in list(names):
            try:
                costs[name] = self.run(case, name, number)
            except measure.Failed as why:
                names.remove(name)
                self.failures.append(f"{case.name}, {name}: {why}")
                self.say(f"  {self.failures[-1]}")
        return costs

    def measure(self, case):
        """A list of rounds, each {contender: cost}: as many as the case has time for, but
        FEWEST_ROUNDS (or what was asked for, when that is less) as long as all has."""
        names, rounds, longest = self.usable(case), [], 0.0
        data = self.data(case.data)
        if not case.cold:
            measure.make_warm(data)
        begin = time.monotonic()
        while len(rounds) < self.rounds:
            before = time.monotonic()
            rounds.append(self.round(case, names, len(rounds)))
            longest = max(longest, time.monotonic() - before)
            end = time.monotonic() - begin + longest
            enough = len(rounds) >= FEWEST_ROUNDS and end > case.seconds
            if enough or longest > self.time_left():
                break
        return rounds

    def version(self):
        said = subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, check=True)
        return said.stdout.decode().split("\n")[0]


def why_missing(session, row, rounds):
    if row.needs and row.needs not in session.program_bytes:
        return f"{row.needs.decode()} is not in the program"
    for name in (row.ours, row.peer):
        if not rounds or name not in rounds[-1]:
            return f"'{name}' could not be run"
    return ""


def row_result(session, row, rounds):
    """What a row says after these rounds, or why it cannot be told."""
    result = {"work": row.work, "against": row.against, "gate": row.gate, "stretch": row.stretch,
              "caveat": row.caveat, "missing": why_missing(session, row, rounds)}
    if result["missing"]:
        return result
    ours, peer = ([one[name]["seconds"] for one in rounds] for name in (row.ours, row.peer))
    low, middle, high = measure.quartiles([theirs / own for theirs, own in zip(peer, ours)])
    result.update(ours=measure.quartiles(ours)[1], peer=measure.quartiles(peer)[1], low=low,
                  ratio=middle, high=high, rounds=len(rounds))
    return result
