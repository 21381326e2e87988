"""Sections of the page of ``report``, each a template that the page includes."""

from typing import Final

GATES: Final = """<h2>Gates</h2>
<div class="scroll"><table><tr><th>figure</th><th class="text">has to be</th><th>measured</th>
<th class="text">interval</th><th class="text">verdict</th></tr>
{% for each in found.gates %}{% set counts = (each.counts|written) if each.counts else none %}<tr>
<td>{{ each.gate.name }}</td><td class="text">{{ each.gate.rule }}</td>
<td>{{ counts.rate if counts else ('%.4f'|format(each.value) if each.value is not none else 'n/a') }}</td>
<td class="text">{{ counts.interval if counts else '' }}</td>
<td class="text {{ {'met': 'hit', 'missed': 'miss'}.get(each.state, 'faint') }}">{{ each.state }}{{
'' if each.certain else ', not certainly' }}</td></tr>
{% endfor %}</table></div>
"""

SLICES: Final = """{% macro table(slices) %}<div class="scroll"><table><tr><th>slice</th><th>pictures</th>
<th>right label, %</th><th>cat or dog, %</th><th>pets accepted, %</th><th>non-pets accepted, %</th></tr>
{% for name, each in slices.items() %}{% set rates = each.proportions() %}<tr><td>{{ name }}</td>
<td>{{ each.outcomes|length }}</td><td>{{ rates.as_labelled|short }}</td><td>{{ rates.accuracy|short }}</td>
<td>{{ rates.pets_accepted|short }}</td><td>{{ rates.non_pets_accepted|short }}</td></tr>
{% endfor %}</table></div>{% endmacro %}
{% if found.slices %}<h2>By slice</h2>
<p>Rates in per cent, with 95 % Wilson intervals.</p>
{{ table(found.slices) }}{% endif %}
{% if found.policy_cases %}<h2>Policy cases</h2>
<p>What their label should be is a rule. They count in no other figure of this page.</p>
{{ table(found.policy_cases) }}{% endif %}
"""

CURVE: Final = """<h2>The threshold</h2>
{% if found.moved %}<div class="scroll"><table><tr><th></th><th>the model's own, {{ thresholds.accept }}</th>
<th>at {{ found.moved.thresholds.accept }}</th></tr>{% set other = found.moved.pictures.proportions() %}
{% for name, each in found.pictures.proportions().items() %}<tr><td>{{ titles[name] }}</td>
<td>{{ (each|written).rate }} <span class="faint">({{ (each|written).counts }})</span></td>
<td>{{ (other[name]|written).rate }} <span class="faint">({{ (other[name]|written).counts }})</span></td></tr>
{% endfor %}</table></div>{% endif %}
{% if operating %}<figure class="alone">
<svg viewBox="0 0 360 300" role="img" aria-label="Pets kept against other pictures accepted, by threshold">
{% for tick in operating.up %}<line class="axis" x1="40" x2="340" y1="{{ tick.y }}" y2="{{ tick.y }}"/>
<text x="36" y="{{ tick.y + 4 }}" text-anchor="end">{{ tick.text }}</text>{% endfor %}
{% for tick in operating.across %}<text x="{{ tick.x }}" y="276" text-anchor="middle">{{ tick.text }}</text>{% endfor %}
<polyline class="spread" fill="none" points="{{ operating.line }}"/>
{% for dot in operating.dots %}<circle class="pets" cx="{{ dot.x }}" cy="{{ dot.y }}" r="3">
<title>{{ dot.text }}</title></circle>{% endfor %}
<circle class="others" cx="{{ operating.own.x }}" cy="{{ operating.own.y }}" r="5">
<title>the model's own threshold, {{ operating.own.text }}</title></circle>
<text x="190" y="294" text-anchor="middle">other pictures accepted</text></svg>
<figcaption>Pets kept (upwards) against other pictures accepted, in per cent, by threshold
from 0.3. The large dot is the model's own
threshold. ACCEPT_AT moves it.</figcaption></figure>{% endif %}
<details><summary class="faint">As a table</summary><div class="scroll"><table><tr><th>least score of a label</th>
<th>pets kept</th><th>others accepted</th><th>wrong species</th></tr>
{% for each in found.curve %}<tr><td>{{ each.thresholds.accept }}</td><td>{{ (each.pets_kept|written).rate }}</td>
<td>{{ (each.false_pets|written).rate }}</td><td>{{ (each.wrong_species|written).rate }}</td></tr>
{% endfor %}</table></div></details>
"""

AGAINST: Final = """{% macro list(pictures) %}{% for each in pictures[:named] %}<code>{{ each.name }}</code>{{
', ' if not loop.last }}{% else %}none{% endfor %}{% if pictures|length > named %}
 and {{ pictures|length - named }} more{% endif %}{% endmacro %}
{% set all = found.comparison.total %}<h2>Against {{ found.comparison.other }}</h2>
<p>Of {{ all.pictures }} pictures, this model alone gets {{ all.won|length }} right, the other alone
{{ all.lost|length }}. If both were equally good, a split at least as uneven would have the probability
{{ '%.3g'|format(all.p_value) }} (McNemar's exact test).</p>
<p>Won: {{ list(all.won) }}</p><p>Lost: {{ list(all.lost) }}</p>
{% if found.comparison.slices %}<div class="scroll"><table><tr><th>slice</th><th>pictures</th><th>won</th><th>lost</th>
<th>p</th></tr>
{% for name, each in found.comparison.slices.items() %}<tr><td>{{ name }}</td><td>{{ each.pictures }}</td>
<td>{{ each.won|length }}</td><td>{{ each.lost|length }}</td><td>{{ '%.3g'|format(each.p_value) }}</td></tr>
{% endfor %}</table></div>{% endif %}
"""

SHEETS: Final = """<h2>Mistakes</h2>
{% for sheet in sheets %}<h3>{{ sheet.title }} ({{ sheet.tiles|length + sheet.hidden }})</h3>
<div class="worst">{% for each in sheet.tiles %}<figure>{% if each.thumbnail %}
<img alt="{{ each.labelled.name }}" src="data:image/jpeg;base64,{{ each.thumbnail }}">{% endif %}
<figcaption><b>{{ each.labelled.name }}</b>{% if each.labelled.slice %}
 <span class="faint">{{ each.labelled.slice_name }}</span>{% endif %}<br>
label {{ each.labelled.expected }}, predicted <span class="miss">{{ each.prediction.label }}</span><br>
<span class="faint">cat {{ '%.3f'|format(each.prediction.scores.cat)
}}, dog {{ '%.3f'|format(each.prediction.scores.dog) }},
neither {{ '%.3f'|format(each.prediction.scores.neither) }}</span>
</figcaption></figure>{% endfor %}</div>{% if sheet.hidden %}<p class="faint">and {{ sheet.hidden }} more</p>{% endif %}
{% else %}<p>None.</p>{% endfor %}
"""
