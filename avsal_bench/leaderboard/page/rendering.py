"""Text from the templates in ``templates/``."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from avsal_bench.leaderboard.conditions import SOUNDING
from avsal_bench.leaderboard.escaping import for_markdown
from avsal_bench.leaderboard.hearing import BASELINES
from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.tables import MAIN_PROTOCOL
from avsal_bench.text import fixed


def render(template: str, **values: object) -> str:
    """The text of a template; HTML is escaped, and a value that is missing is an error (``UndefinedError``)."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__name__.rpartition(".")[0]),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    baselines = [facts().network(name).title for name in BASELINES]
    environment.globals |= {"main_protocol": MAIN_PROTOCOL, "sounding": SOUNDING, "baselines": baselines}
    environment.filters |= {"markdown": for_markdown, "score": fixed}
    return environment
