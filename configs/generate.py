#!/usr/bin/env python3
"""Writes areas.toml, terminals.csv, contacts.csv and policy.toml of configs/ and configs/dev/ again.

    python3 configs/generate.py DATA_DIR

DATA_DIR holds 430621.csv, 430621_townships_mca2026.csv and 430621_demo_points_SYNTHETIC.csv (see
configs/README.md for where they come from). The same input gives the same bytes: no clock and no
random numbers, only digests of the codes.
"""
import csv
import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
COUNTY = "430621000000"
# The ministry's list of 2026 has two sub-districts where the statistics list has one town.
OLD_TOWN = "430621100000"
NEW_SUBDISTRICTS = {"430621001000", "430621002000"}
NEW_FROM = "2025-01-01"
BOUNDS = (28.90, 29.50, 112.70, 113.80)  # lat_min lat_max lon_min lon_max, degrees
SEAT_TERMINALS = 3
COUNTY_SEAT_TERMINALS = 4
DEV_VILLAGES = 10


def rows(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def jitter(code, number):
    """Up to about 400 m, always the same for the same terminal."""
    digest = hashlib.sha256(f"{code}-{number}".encode()).digest()
    return tuple((digest[i] - 127.5) / 127.5 * 0.004 for i in (0, 1))


def write_areas(path, areas, aliases):
    out = [
        "# Areas of the county and above it. Codes are 12 digits (GB/T 2260 + GB/T 10114), in quotes.",
        "# Written by configs/generate.py from the statistics code list of 2023; edit freely afterwards.",
        "",
        "# The areas this gateway serves. An alert for an upper area means all of them.",
        f'served = ["{COUNTY}"]',
        "",
        "# A terminal outside this box is a typing error (degrees, WGS-84).",
        "[bounds]",
        f"lat_deg_min = {BOUNDS[0]:.2f}",
        f"lat_deg_max = {BOUNDS[1]:.2f}",
        f"lon_deg_min = {BOUNDS[2]:.2f}",
        f"lon_deg_max = {BOUNDS[3]:.2f}",
        "",
        "# Keys: code, name, and when codes change: valid_from, valid_until (dates), aliases (other",
        "# codes under which the same people may be registered).",
    ]
    for area in areas:
        out += ["", "[[areas]]", f'code = "{area["code"]}"', f'name = "{area["name"]}"']
        if area["code"] in aliases:
            out += [f'valid_from = "{NEW_FROM}"', f'aliases = ["{aliases[area["code"]]}"]']
    path.write_text("\n".join(out) + "\n", encoding="utf-8")


def terminals(areas, points):
    names = {area["code"]: area["name"] for area in areas}
    for area in areas:
        code, level = area["code"], area["level"]
        n = {"village": 1, "township": SEAT_TERMINALS, "county": COUNTY_SEAT_TERMINALS}.get(level, 0)
        if code in NEW_SUBDISTRICTS:
            n = 0
        at = points.get(code) or points[OLD_TOWN]
        for number in range(1, n + 1):
            d_lat, d_lon = jitter(code, number)
            upper = names[area["parent"]] if level == "village" else ""
            place = f"{upper} {area['name']}".strip()
            yield {
                "id": f"{code}-{number:03}",
                "name": f"{place} {number}号",
                "area": code,
                "lat_deg": f"{float(at['lat']) + d_lat:.5f}",
                "lon_deg": f"{float(at['lon']) + d_lon:.5f}",
                "codecs": "opus mp3 wav",
                "links": "mqtt",
                "volume_percent": 80 if level == "village" else 90,
            }


def write_terminals(path, areas, points):
    fields = ["id", "name", "area", "lat_deg", "lon_deg", "codecs", "links", "volume_percent"]
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("# Demonstration terminals. POSITIONS ARE INVENTED: replace this file by the survey.\n")
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(terminals(areas, points))


POSTS = {"village": "村（社区）责任人", "township": "乡镇包片干部", "county": "县防汛值班"}


def write_contacts(path, areas):
    """One invented person an area with terminals, so that every call has somebody at each level."""
    fields = ["name", "role", "telephone", "area"]
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("# PERSONS AND NUMBERS ARE INVENTED 人员和号码均为虚构: replace this file by the county's own list\n")
        file.write("# before `[call] webhook_url` is set. The level of the area says when a person is called.\n")
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        called = [a for a in areas if a["level"] in POSTS and a["code"] not in NEW_SUBDISTRICTS]
        for number, area in enumerate(called, 1):
            writer.writerow({
                "name": f"虚构{number:03}",
                "role": f"{POSTS[area['level']]}（虚构）",
                "telephone": f"0000-{number:07}",
                "area": area["code"],
            })


LEVELS = ["red", "orange", "yellow", "blue"]
LEVEL_WORDS = {"red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色"}
# name, title, codes, words, levels that go out by themselves, advice at red and orange, advice below
HAZARDS = [
    ("rainstorm", "暴雨", ["11B03", "11B38", "11B64", "11B49"], ["暴雨", "强降雨", "rainstorm", "heavy rain"], {"red", "orange"},
     "请低洼易涝处、山边和河边的群众马上转移到安全地方，不要涉水，不要靠近河道。",
     "请大家注意收听天气，检查房前屋后的排水沟，山边河边的住户做好转移准备。"),
    ("flash-flood", "山洪", ["11A51"], ["山洪", "flash flood"], {"red", "orange"},
     "请山沟、溪河两岸的群众马上往高处转移，不要贪恋财物，没有接到通知不要返回。",
     "请山沟、溪河两岸的群众提高警惕，夜间安排专人值守，随时准备转移。"),
    ("flood", "洪水", ["11A01", "11A00"], ["洪水", "洪峰", "flood"], {"red"},
     "请沿河沿湖低处的群众按照村组安排马上转移，远离堤防和涵闸。",
     "请沿河沿湖的群众注意水位变化，收好家中物品，巡堤人员按时上堤。"),
    ("dyke", "堤防险情", ["11A04"], ["堤防", "溃堤", "管涌"], {"red"},
     "堤防出现险情，请堤内群众按照预定路线马上转移，听从现场人员指挥。",
     "请堤内群众做好转移准备，巡堤人员加密巡查，发现渗水管涌马上报告。"),
    ("reservoir", "水库险情", ["11A03"], ["水库", "溃坝", "泄洪"], {"red"},
     "水库出现险情，请下游群众马上往高处转移，远离河道，听从现场人员指挥。",
     "请水库下游的群众远离河道，做好转移准备，留意后续通知。"),
    ("geological", "地质灾害", ["11D", "11B37"], ["地质灾害", "滑坡", "泥石流", "山体崩塌", "landslide"], {"red"},
     "请地质灾害隐患点的群众马上转移到安全地方，没有通知不要返回。",
     "请地质灾害隐患点的群众留意山坡裂缝和异常响声，发现险情马上撤离并报告。"),
    ("typhoon", "台风", ["11B01"], ["台风", "typhoon"], {"red"},
     "请大家留在坚固的房屋里，关好门窗，远离广告牌、大树和电线。",
     "请大家加固门窗，收好阳台物品，船只回港，非必要不要外出。"),
    ("gale", "大风", ["11B06", "11B20", "11B58", "11B02", "11B12"], ["大风", "龙卷风", "gale"], {"red"},
     "请大家马上进屋，关好门窗，远离棚架、广告牌和大树，停止高处作业。",
     "请大家加固棚架，收好室外物品，水上和高处作业注意安全。"),
    ("thunder", "雷电和强对流", ["11B14", "11B31", "11B43", "11B15"], ["雷电", "强对流", "冰雹", "雷暴", "thunder"], {"red"},
     "请大家马上进屋，关好门窗，拔掉电器插头，不要在树下、田间和水边停留。",
     "请大家减少外出，不要在树下、田间和水边停留，注意防雷防雹。"),
    ("snow-ice", "低温雨雪冰冻", ["11B04", "11B05", "11B08", "11B16", "11B21", "11B27", "11B30", "11B33", "11B39", "11B40", "11B57"],
     ["暴雪", "寒潮", "道路结冰", "冰冻", "大雪", "snow", "icing"], {"red"},
     "请大家不要外出，远离危房和简易棚，取暖注意通风，谨防一氧化碳中毒。",
     "请大家注意防寒保暖，出行慢行防滑，取暖注意通风，菜棚和牲畜做好防冻。"),
    ("heat", "高温", ["11B09", "11B10", "11B24"], ["高温", "heat"], set(),
     "请大家停止户外劳动，多喝水，照看好老人和孩子，谨防中暑和溺水。",
     "请大家避开中午高温时段劳动，多喝水，注意防暑，不要私自下河下塘游泳。"),
    ("forest-fire", "森林火险", ["11G", "11B25", "11B41"], ["森林火险", "森林火灾", "wildfire", "forest fire"], {"red"},
     "严禁一切野外用火，请进山人员马上下山，发现火情请拨打幺二幺一九报告。",
     "请大家不要带火种进山，不要烧田埂、烧秸秆、烧纸钱，发现火情马上报告。"),
    ("earthquake", "地震", ["11C"], ["地震", "earthquake"], {"red", "orange"},
     "请大家保持镇静，离开危房，到空旷地方避险，当心余震，不要使用电梯。",
     "请大家保持镇静，不信谣不传谣，检查房屋，当心余震。"),
    ("waterlogging", "内涝", ["11A02", "11B36"], ["内涝", "渍涝", "waterlogging"], {"red"},
     "请低洼处的群众马上往高处转移，切断室外电源，不要涉水，不要开车进入积水路段。",
     "请低洼处的住户垫高物品，疏通沟渠，行人车辆绕开积水路段。"),
]
# Whose red warnings call responsible persons (叫应), and how long each level has, seconds.
CALLED = {"flash-flood", "dyke", "reservoir"}
ANSWER_WITHIN_S = 300
# Waterlogging speaks the recorded flood warning when no voice is available.
RECORDED_AS = {"waterlogging": "flood"}
OPENING = {
    "red": "紧急通知，紧急通知。",
    "orange": "重要通知。",
    "yellow": "各位村民请注意。",
    "blue": "各位村民请注意。",
}


def quoted(items):
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"


POLICY_HEAD = '''# Response plans (预案) and limits of the county. Written by configs/generate.py as a start: every
# plan is for the county to change. The first plan that matches hazard, level, area and sender wins.
# What no plan matches waits for one person; it is never dropped and never goes out by itself.

# Local time in minutes from UTC.
local_offset_minutes = 480
# Validity in seconds of an alert that names no end (practice of the national platform: 24 h).
validity_s_default = 86400
# An alert older than this, or from further in the future, waits for a person. Seconds.
sent_age_s_max = 21600
sent_ahead_s_max = 300

# Local time in which only plans with `quiet_hours_exempt` sound without a person.
[quiet_hours]
from = "22:00"
until = "06:00"

# Over these limits nothing goes out by itself; the people named can allow it.
[interlock]
automatic_per_hour_max = 6
automatic_terminals_max = 500
lifted_by = ["带班领导"]

# Who may start what, when and where: origin (duty, upper, sensor) x class (nature, accident, health, security,
# other) x level x hour x area. The strictest rule that fits holds; a list that is left out means all. Rules
# and limits only make stricter: `ask` a person, or `refuse` with the reason, which the sender is told.
# [[interlock.rules]]
# name = "夜间上级低级别"
# origins = ["upper"]
# levels = ["yellow", "blue"]
# from_hour = 22
# until_hour = 6
# verdict = "ask"
# reason = "夜间黄色及以下须本县值班人员确认"
# [[interlock.limits]]
# name = "上级每小时"
# origins = ["upper"]
# per_hour_max = 10
# terminals_max = 2000
# over = "ask"

# An officer's own broadcast: over these limits a second person must approve.
[manual]
terminals_alone_max = 20
quiet_hours_second_person = true
decide_within_s = 900
validity_s_max = 86400

# Break-glass 紧急直发: one officer releases alone at once, two others (a leader among them) countersign.
[break_glass]
enabled = true
roles = ["officer", "leader"]
# Where it is allowed; empty = wherever the officer may act.
areas = []
per_officer_per_day_max = 2
countersign_within_s = 86400

# Call and answer 叫应: `call = { answer_within_s = 300 }` in a plan calls the persons of contacts.csv; here
# the red plans of flash floods, dykes and reservoirs do.

# Templates. Slots: {headline} {description} {instruction} {sender} {areas} {level} {hazard}.
# What the description already says is not said again.

[[templates]]
name = "general"
text = "各位村民请注意。{headline}。{description}{instruction}"

[[templates]]
name = "all-clear"
text = "各位村民请注意。{headline}。{description}{instruction}请大家恢复正常生产生活，继续留意后续通知。"
'''


def write_policy(path):
    out = [POLICY_HEAD]
    for name, title, codes, words, automatic, urgent, mild in HAZARDS:
        for kind, advice in (("urgent", urgent), ("mild", mild)):
            opening = OPENING["red" if kind == "urgent" else "yellow"]
            out.append(f'[[templates]]\nname = "{name}-{kind}"\n'
                       f'text = "{opening}{{headline}}。{{description}}{{instruction}}{advice}"\n')
    for name, title, codes, words, automatic, urgent, mild in HAZARDS:
        out.append(f"# {title}\n")
        for level in LEVELS:
            is_automatic = level in automatic
            lines = [
                "[[plans]]",
                f'name = "{name}-{level}"',
                f'title = "{title}{LEVEL_WORDS[level]}"',
                f"hazards = {quoted(codes)}",
                f"event_words = {quoted(words)}",
                f'levels = ["{level}"]',
                f'approval = "{"automatic" if is_automatic else "one-person"}"',
            ]
            if not is_automatic:
                lines.append(f"decide_within_s = {dict(red=120, orange=300, yellow=900, blue=1800)[level]}")
                after = "release" if level in ("red", "orange") else "expire"
                lines.append(f'after_deadline = "{after}"')
            lines += [
                f'chime = "{level}"',
                f'template = "{name}-{"urgent" if level in ("red", "orange") else "mild"}"',
                f'fallback_recording = "{RECORDED_AS.get(name, name)}-{level}"',
                f"repeats = {dict(red=3, orange=2, yellow=2, blue=1)[level]}",
                f"interval_s = {dict(red=5, orange=10, yellow=10, blue=0)[level]}",
            ]
            if level == "red":
                lines.append("volume_percent = 100")
                lines.append("quiet_hours_exempt = true")
                if name in CALLED:
                    lines.append(f"call = {{ answer_within_s = {ANSWER_WITHIN_S} }}")
            lines.append(f"validity_s_max = {dict(red=10800, orange=21600, yellow=43200, blue=43200)[level]}")
            out.append("\n".join(lines) + "\n")
    path.write_text("\n".join(out), encoding="utf-8")


def main(data):
    areas = rows(data / "430621.csv")
    points = {row["code"]: row for row in rows(data / "430621_demo_points_SYNTHETIC.csv")}
    new = [dict(row, level="township") for row in rows(data / "430621_townships_mca2026.csv")
           if row["code"] in NEW_SUBDISTRICTS]
    aliases = {row["code"]: OLD_TOWN for row in new}
    everything = sorted(areas + new, key=lambda row: row["code"])
    write_areas(HERE / "areas.toml", everything, aliases)
    write_terminals(HERE / "terminals.csv", everything, points)
    write_contacts(HERE / "contacts.csv", everything)
    write_policy(HERE / "policy.toml")

    villages, seen = [], {}
    for row in areas:
        if row["level"] == "village" and seen.get(row["parent"], 0) < 2 and len(villages) < DEV_VILLAGES:
            seen[row["parent"]] = seen.get(row["parent"], 0) + 1
            villages.append(row)
    keep = {row["code"] for row in villages} | set(seen) | {OLD_TOWN}
    small = [row for row in everything
             if row["code"] in keep or row["level"] in ("province", "city", "county")
             or row["code"] in aliases]
    write_areas(HERE / "dev/areas.toml", small, aliases)
    write_terminals(HERE / "dev/terminals.csv", small, points)
    write_contacts(HERE / "dev/contacts.csv", small)
    write_policy(HERE / "dev/policy.toml")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
