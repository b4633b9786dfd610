import pytest
from rich.console import Console, RenderableType

from aegisflow.config import load
from aegisflow.config.table import doubts, explain, table
from aegisflow.errors import ConfigError, Mistake
from tests.support.places import PLANT_FILE

DEFAULT = PLANT_FILE


def printed(renderable: RenderableType) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.fixture(scope="module")
def shown():
    return printed(table(load(DEFAULT, {})))


def row(text: str, first_cell: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"│ {first_cell} "))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_the_summary_counts_and_names_what_is_watched(shown):
    assert "3 lines, 9 devices, 45 sensors" in shown
    assert "localhost:1883, MQTT 5, no TLS, client aegisflow" in shown
    assert "aegisflow/sensors/{device_id}" in shown
    assert "keeps readings 7 d, minutes 400 d" in shown


def test_every_line_shows_its_devices(shown):
    assert row(shown, "line-2") == ["line-2", "Production line 2", "compressor-02, motor-02, pump-02"]


def test_sensors_show_units_and_limits(shown):
    compressor = shown[shown.index("compressor: compressor-01") :]
    assert row(compressor, "temperature") == [
        "temperature",
        "°C",
        "65 … 85",
        "≤ 90",
        "≤ 105",
        "-40 … 1000",
        "60, |z| > 3",
    ]
    assert row(compressor, "humidity")[3:5] == ["–", "–"]
    pump = shown[shown.index("pump: pump-01, pump-02, pump-03") :]
    assert row(pump, "pressure")[2:5] == ["28 … 35", "≥ 22", "≥ 18"]
    assert "settable: pressure_setpoint 28 … 35 PSI" in pump


def test_how_far_things_may_be_moved_is_shown(tmp_path):
    text = DEFAULT.read_text(encoding="utf-8")
    bounded = text.replace("sensor: power_consumption\n", "sensor: power_consumption\n      max_change: 30\n")
    bounded = bounded.replace(
        "limits: [28, 35], sensor: pressure}", "limits: [28, 35], sensor: pressure, max_change: 2}"
    )
    path = tmp_path / "plant.yaml"
    path.write_text(bounded, encoding="utf-8")
    pump = printed(table(load(path, {})))
    assert "settable: pressure_setpoint 28 … 35 PSI (by at most 2 at once)" in pump
    assert "load (by at most 30 at once), in % of full load" in pump


def test_a_device_with_its_own_sensors_has_its_own_table(tmp_path):
    text = DEFAULT.read_text(encoding="utf-8")
    override = "pump-03: {kind: pump, sensors: {temperature: {alarm: {high: 85}}}}"
    path = tmp_path / "plant.yaml"
    path.write_text(text.replace("pump-03: pump", override), encoding="utf-8")
    shown = printed(table(load(path, {})))
    assert "pump: pump-01, pump-02" in [line.strip() for line in shown.splitlines()]
    own = shown[shown.index("pump: pump-03") :]
    assert row(own, "temperature")[3] == "≤ 85"


def test_a_large_plant_is_counted_not_listed(tmp_path):
    path = tmp_path / "plant.yaml"
    devices = "".join(
        f"      p-{n:04}: {{kind: pump, sensors: {{a: {{normal: {{high: {n}}}}}}}}}\n" for n in range(500)
    )
    path.write_text("kinds: {pump: {sensors: {a: {unit: K}}}}\nlines:\n  l:\n    devices:\n" + devices)
    shown = printed(table(load(path, {})))
    assert "p-0011 and 488 more" in " ".join(shown.replace("│", " ").split())
    assert "… and 460 more sets of sensors" in shown
    assert len(shown.splitlines()) < 500


def test_markup_in_names_is_only_text(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(
        "kinds: {p: {sensors: {'[red]a[/]': {unit: K}}}}\nlines: {l: {devices: {d: p}}}\nplant: {name: '[b]'}"
    )
    shown = printed(table(load(path, {})))
    assert "[red]a[/]" in shown
    assert "[b]" in shown


def test_no_line_is_wider_than_a_terminal(shown):
    assert max(map(len, shown.splitlines())) <= 100


def test_a_password_in_the_store_is_not_shown(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(DEFAULT.read_text(encoding="utf-8"), encoding="utf-8")
    shown = printed(table(load(path, {"AEGISFLOW_STORE_URL": "postgresql://plant:geheim@db:5432/aegisflow"})))
    assert "postgresql://plant@db:5432/aegisflow" in shown
    assert "geheim" not in shown


def test_mistakes_are_explained_one_by_one():
    error = ConfigError(
        [
            Mistake("plant.yaml", "broker.port", "0", "a whole number from 1 up to 65535", 7),
            Mistake("plant.yaml", "", "nothing", "a plant [not] markup"),
        ]
    )
    assert printed(explain(error)).splitlines() == [
        "plant.yaml:7: broker.port",
        "  found     0",
        "  expected  a whole number from 1 up to 65535",
        "plant.yaml: the whole file",
        "  found     nothing",
        "  expected  a plant [not] markup",
        "2 mistakes",
    ]


def with_people(tmp_path, people: str, page: str = "", more: str = "") -> RenderableType:
    file = tmp_path / "plant.yaml"
    text = DEFAULT.read_text("utf-8")
    begin = "\nnotifications:\n"
    assert begin in text
    file.write_text(text.replace(begin, f"{begin}  people: {people}\n{page}") + more, "utf-8")
    try:
        return doubts(load(file, {}))
    except ConfigError as error:
        return explain(error)


def test_people_who_cannot_use_the_links_that_they_get_are_told_of(tmp_path) -> None:
    page = "  page_url: https://plant.example\n"
    shown = printed(with_people(tmp_path, "{plant manager: zoe}", page))
    assert "warning: nobody under operators has this name" in shown
    assert "links that acknowledge go to a webhook alone" in shown
    viewer = f"operators:\n  zoe: {{token_sha256: {'a' * 64}, role: viewer}}\n"
    assert "their role may not acknowledge" in printed(with_people(tmp_path, "{plant manager: zoe}", page, viewer))
    limited = f"operators:\n  zoe: {{token_sha256: {'a' * 64}, lines: [line-1]}}\n"
    shown = printed(with_people(tmp_path, "{plant manager: zoe}", page, limited))
    assert "links about alarms of other lines do nothing (zoe, not on line-2, line-3)" in " ".join(shown.split())
    assert "their role may not" not in shown


def test_a_link_for_a_level_that_nobody_is_told_of_or_to_a_page_that_is_nowhere_is_a_mistake(tmp_path) -> None:
    shown = printed(with_people(tmp_path, "{plant manger: zoe}"))
    assert "a level of the escalation, one of: maintenance log, shift supervisor" in shown.replace("\n", " ")
    assert "notifications.page_url" in shown
