"""The template of ``report``: one HTML file without scripts and external resources, light and dark."""

from typing import Final

# Contrast on both backgrounds: at least 4.5:1 for text and 3:1 for marks.
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ manifest.name }}: evaluation</title>
<style>
:root { color-scheme: light dark; --ground: #fff; --text: #1c2024; --faint: #60646c; --line: #d9dce1; --panel: #f6f7f9;
  --good: #1f6feb; --bad: #b4451f; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --text: #e6e9ee; --faint: #9aa2ad; --line: #333a43;
  --panel: #1c2127; --good: #6cb0ff; --bad: #ff9b6a; } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 66rem; padding: 2.5rem 1.5rem 4rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.7rem; margin: 0 } h3 { font-size: 1rem; margin: 1.4rem 0 .6rem }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .8rem }
p { margin: .3rem 0; max-width: 46rem } .faint, figcaption, th { color: var(--faint) }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top }
th { font-weight: 500 } th:first-child, td:first-child, td.text, th.text { text-align: left }
.scroll { overflow-x: auto }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: .7rem; margin-top: 1.5rem }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .8rem .9rem }
.caveat { border-left: 3px solid var(--bad); padding-left: .9rem; margin-top: 1rem }
.tile b { display: block; font-size: 1.7rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums }
.tile span { display: block; font-size: .82rem; color: var(--faint); white-space: nowrap }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 2rem } figure { margin: 0 }
.alone { max-width: 30rem; margin: 1.5rem 0 }
figcaption { font-size: .85rem; margin-top: .4rem }
svg { width: 100%; height: auto; display: block } svg text { font: 11px system-ui, sans-serif; fill: var(--faint) }
.axis { stroke: var(--line) } .ideal { stroke: var(--faint); stroke-dasharray: 4 4 }
.pets { fill: var(--good) } .others { fill: var(--bad) } .spread { stroke: var(--good); stroke-width: 2; opacity: .45 }
.cut { stroke: var(--text); stroke-dasharray: 2 3 }
.hit { color: var(--good); font-weight: 600 } .miss { color: var(--bad); font-weight: 600 }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 1rem; font-size: .8rem }
.worst img { width: 100%; aspect-ratio: 1; border-radius: 6px; display: block; background: var(--panel) }
.worst figcaption { color: var(--text); overflow-wrap: anywhere }
</style>
</head>
<body>
<h1>{{ manifest.name }} <span class="faint">version {{ manifest.version }}, rev {{ manifest.rev }}</span></h1>
<p>{{ found.pictures.outcomes|length }} labelled pictures of <code>{{ source }}</code>, decoded and
classified as in service, by {{ engine }}.</p>
<p class="faint">sha256 <code>{{ sha256 }}</code></p>
{% if in_sample %}<p class="caveat">The model was fitted to these very pictures: the figures are in-sample, and better
than on new pictures.{% if cross_validated %} Cross-validated: {{ cross_validated }}.{% endif %}</p>{% endif %}
<div class="tiles">
{% for tile in tiles %}<div class="tile"><span>{{ tile.title }}</span><b>{{ tile.rate }}</b>
<span>{{ tile.counts }}</span><span>{{ tile.interval }}</span></div>
{% endfor %}</div>
{% include 'gates' %}
{% include 'slices' %}
<h2>Confusion matrix</h2>
<div class="scroll"><table><tr><th>label (rows), prediction (columns)</th>
{% for label in labels %}<th>{{ label }}</th>{% endfor %}
<th>all</th></tr>
{% for label in labels %}<tr><td>{{ label }}</td>{% for given in labels %}<td class="{{ 'hit' if label == given else
('miss' if confusion[label, given] else 'faint') }}">{{ confusion[label, given] }}</td>{% endfor %}
<td>{{ rows[label] }}</td></tr>{% endfor %}</table></div>
<h2>Calibration</h2>
<p>Expected calibration error {{ '%.4f'|format(calibration.expected_error) }} ({{ calibration.bins|length }} bins of
equal width; confidence is the largest score, right is the picture whose label has it), log loss
{{ '%.4f'|format(calibration.log_loss) }}, Brier score {{ '%.4f'|format(calibration.brier) }}
(0 to 2).</p>
<div class="plots">
<figure><svg viewBox="0 0 360 300" role="img" aria-label="Share of right labels by confidence">
{% for tick in reliability.ticks %}<line class="axis" x1="40" x2="340" y1="{{ tick.y }}" y2="{{ tick.y }}"/>
<text x="34" y="{{ tick.y + 4 }}" text-anchor="end">{{ tick.text }}</text>
<text x="{{ tick.x }}" y="276" text-anchor="middle">{{ tick.text }}</text>{% endfor %}
<line class="ideal" x1="40" y1="260" x2="340" y2="20"/>
{% for dot in reliability.dots %}<line class="spread" x1="{{ dot.x }}" x2="{{ dot.x }}" y1="{{ dot.low }}"
 y2="{{ dot.high }}"/><circle class="pets" cx="{{ dot.x }}" cy="{{ dot.y }}" r="{{ dot.r }}">
<title>{{ dot.text }}</title>
</circle>{% endfor %}<text x="190" y="294" text-anchor="middle">confidence</text></svg>
<figcaption>Share of right labels by confidence, with 95 % Wilson intervals. On the dashed line scores are
calibrated; above it they are too low. Larger dots have more pictures.</figcaption></figure>
<figure><svg viewBox="0 0 360 300" role="img" aria-label="Histogram of the probability of a pet">
{% for tick in histogram.ticks %}<line class="axis" x1="40" x2="340" y1="{{ tick.y }}" y2="{{ tick.y }}"/>
<text x="34" y="{{ tick.y + 4 }}" text-anchor="end">{{ tick.text }}</text>{% endfor %}
{% for bar in histogram.bars %}<rect class="{{ bar.kind }}" x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar.w }}"
 height="{{ bar.h }}"><title>{{ bar.text }}</title></rect>{% endfor %}
<line class="cut" x1="{{ histogram.cut }}" x2="{{ histogram.cut }}" y1="20" y2="260"/>
{% for x, text in ((40, '0'), (190, '0.5'), (340, '1')) %}
<text x="{{ x }}" y="276" text-anchor="middle">{{ text }}</text>{% endfor %}
<text x="190" y="294" text-anchor="middle">probability of a pet</text>
<rect class="pets" x="52" y="26" width="9" height="9"/><text x="65" y="35">cats and dogs</text>
<rect class="others" x="290" y="245" width="9" height="9"/><text x="303" y="254">others</text></svg>
<figcaption>Pictures by P(cat) + P(dog), pets upwards, others downwards; heights are logarithmic. The dotted line is the
threshold, {{ thresholds.accept }}{{ ': pictures to its right get a label' if thresholds.compared == 'pet' else
', which the larger of the two has to reach' }}.</figcaption></figure>
</div>
<details><summary class="faint">The same as a table</summary><div class="scroll"><table>
<tr><th>confidence</th><th>pictures</th><th>mean confidence</th><th>right</th><th>95 % interval</th></tr>
{% for bin in calibration.bins if bin.right.whole %}<tr><td>{{ '%.1f'|format(bin.low) }} to {{ '%.1f'|format(bin.high)
}}</td><td>{{ bin.right.whole }}</td><td>{{ '%.4f'|format(bin.confidence) }}</td><td>{{ '%.4f'|format(bin.right.rate)
}}</td><td>{{ '%.3f to %.3f'|format(*bin.right.interval) }}</td></tr>{% endfor %}</table></div></details>
{% include 'curve' %}
{% if found.comparison %}{% include 'against' %}{% endif %}
{% include 'sheets' %}
<h2>Rejected before the model saw them</h2>
{% if rejections %}<div class="scroll"><table><tr><th>file</th><th class="text">expected</th>
<th class="text">reason</th><th class="text">detail</th></tr>
{% for labelled, rejected in rejections %}<tr><td>{{ labelled.name }}</td>
<td class="text">{{ labelled.expected }}</td>
<td class="text {{ '' if labelled.expected == rejected.reason else 'miss' }}">
{{ rejected.reason }}</td><td class="text">{{ rejected.detail }}</td></tr>{% endfor %}</table></div>
{% else %}<p>None.</p>{% endif %}
</body>
</html>
"""
