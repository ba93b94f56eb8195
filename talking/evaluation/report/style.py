"""How the report's page looks: plain, and legible on paper too."""

STYLE = """
:root { --ink: #1c2126; --soft: #5d6770; --line: #dfe3e6; --floor: #f4f4f2; --ceiling: #e9f5f0; --own: #fff6e8; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 84rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 3rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.8rem 0 .5rem; }
p { max-width: 46rem; margin: .4rem 0; }
a { color: #0b62a4; }
nav a { margin-right: 1.1rem; }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: .3rem 2rem; margin: .8rem 0 1.2rem; padding: 0; color: var(--soft); }
.facts div { display: flex; gap: .5rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; color: var(--ink); }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .5rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { font-weight: 600; vertical-align: bottom; border-bottom: 2px solid var(--ink); }
th:first-child { text-align: left; white-space: nowrap; font-weight: 600; }
.words td { text-align: left; } .words th { text-align: left; font-weight: 400; }
.words thead th { font-weight: 600; }
td small, th small { display: block; font-weight: 400; color: var(--soft); font-size: .76rem; white-space: nowrap; }
th small { max-width: 9.5rem; color: var(--soft); font-size: .76rem; white-space: normal; }
tr.floor { background: var(--floor); } tr.ceiling { background: var(--ceiling); } tr.model { background: var(--own); }
.tag { margin-left: .5rem; padding: .05rem .45rem; border-radius: 1rem; font-size: .7rem; font-weight: 500;
  color: var(--soft); border: 1px solid currentColor; }
td.better, td.worse { white-space: nowrap; }
.better { color: #00704f; } .worse { color: #b3400b; }
.better small, .worse small { color: inherit; }
.notes { color: var(--soft); font-size: .88rem; padding-left: 1.2rem; max-width: 60rem; }
figure { margin: 1.2rem 0; } figcaption { color: var(--soft); font-size: .88rem; margin-top: .3rem; }
img, video { display: block; max-width: 100%; height: auto; border-radius: 4px; }
summary { cursor: pointer; color: #0b62a4; }
@media print { main { max-width: none; padding: 0; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""
