"""A model as HTML, for notebooks: a table of facts and bars of the most important features."""

import html

MOST_FEATURES = 12


def _rows(pairs):
    return "".join(
        f"<tr><th style='text-align:left'>{html.escape(str(name))}</th>"
        f"<td style='text-align:left'>{value}</td></tr>"
        for name, value in pairs
    )


def _bars(importance):
    best = sorted(importance.items(), key=lambda item: -item[1])[:MOST_FEATURES]
    largest = max((value for _, value in best), default=0.0) or 1.0
    bar = "<div style='background:#4878a8;height:0.8em;width:{:.1f}em'></div>"
    return _rows((name, bar.format(18 * value / largest)) for name, value in best if value > 0)


def model_html(model):
    facts = [(name, html.escape(str(value))) for name, value in model.summary().items() if value]
    params = [(name, html.escape(str(value))) for name, value in model.params.items()]
    return (
        f"<div><b>gbt.Model</b><table>{_rows(facts)}</table>"
        f"<details><summary>importance (gain)</summary><table>{_bars(model.importance())}</table>"
        f"</details><details><summary>parameters</summary><table>{_rows(params)}</table></details>"
        "</div>"
    )
