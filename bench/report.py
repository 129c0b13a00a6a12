# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""The results as text, and between the marks of README.md."""
import re

START = "<!-- bench/run: results -->"
END = "<!-- bench/run: end -->"


def seconds(value):
    if value < 0.01:
        return f"{value * 1000:.2f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s"


def verdict(row):
    if row["gate"] is None:
        return "no goal"
    if row["ratio"] >= row["stretch"]:
        return "stretch"
    return "gate" if row["ratio"] >= row["gate"] else "**below**"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def comparison_row(row):
    goal = "" if row["gate"] is None else f"{row['gate']} / {row['stretch']}"
    against = row["against"] + (f" ({row['caveat']})" if row["caveat"] else "")
    if row["missing"]:
        return [row["work"], against, "", "", f"not measured: {row['missing']}", goal, "", ""]
    return [row["work"], against, seconds(row["ours"]), seconds(row["peer"]),
            f"{row['ratio']:.2f} ({row['low']:.2f}-{row['high']:.2f})", goal, verdict(row),
            str(row["rounds"])]


def comparisons(rows):
    return table(["work", "against", "ocistore", "peer", "ratio (quartiles)", "gate / stretch",
                  "reached", "rounds"], [comparison_row(row) for row in rows])


def goal_row(goal):
    """Something with a limit that must not be passed."""
    good = goal["value"] <= goal["limit"]
    form = goal["form"]
    return [goal["what"], form.format(goal["value"]), form.format(goal["limit"]),
            "yes" if good else "**no**"]


def goals(some):
    return table(["what", "measured", "at most", "reached"], [goal_row(one) for one in some])


def growth_row(point):
    plan, first = point["plan"], point["first_plan"]
    return [f"{point['blobs']:,}", seconds(first["seconds"]), seconds(plan["seconds"]),
            f"{plan['seconds'] / point['blobs'] * 1e6:.2f} µs",
            f"{plan['own_memory'] / 1e6:.0f} MB", seconds(point["ls"]["seconds"]),
            seconds(point["fsck"]["seconds"]), f"{point['fsck']['own_memory'] / 1e6:.0f} MB"]


def growth(points):
    return table(["blobs", "first plan", "plan", "plan, per blob", "its own memory", "ls", "fsck",
                  "its own memory"], [growth_row(point) for point in points])


def machine(results):
    at = results["machine"]
    features = ", ".join(at["features"]) or "no special instructions"
    streams = " and ".join(f"{value / 1e9:.2f} GB/s of {name.upper()}"
                           for name, value in at["one_stream"].items())
    memory = int(at["memory"].split()[0]) / 1024 / 1024
    size = "" if results["scale"] == 1 else (
        f" **On {results['scale']:g} of the data that the table names.**")
    return (f"{results['date']}, {results['version']} ({results['commit']}), in"
            f" {results['minutes']:.0f} minutes.{size}\n\n"
            f"{at['processors']} processors ({at['model']}: {features}), {memory:.0f} GiB of memory,"
            f" Linux {at['kernel']}, {at['file_system']}. libcrypto hashes {streams} in one stream."
            f" Cold by `{results['cold']}`. Load before the run {at['load']:.1f}.\n")


def text(results):
    """All of it, as Markdown."""
    parts = [machine(results)]
    if results["rows"]:
        parts.append(comparisons(results["rows"]))
    if results["goals"]:
        parts.append(goals(results["goals"]))
    if results["growth"]:
        parts.append(growth(results["growth"]))
    parts += ["* failed: " + one.replace("\n", " ") + "\n" for one in results["failures"]]
    return "\n".join(parts)


def write(path, results, plots):
    """Puts the results between the marks of the file at `path`."""
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    pictures = "\n".join(f"![{title}](plots/{name}.svg)" for name, title in plots)
    inside = f"{START}\n\n{text(results)}\n{pictures}\n\n{END}"
    whole, count = re.subn(re.escape(START) + ".*" + re.escape(END), lambda _: inside, whole,
                           flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{path} has no place for the results")
    with open(path, "w", encoding="utf-8") as file:
        file.write(whole)
