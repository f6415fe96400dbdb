"""The look of the shop pages and the script that keeps their prices current: constants, inlined by shop.py.

The rule: the script writes what it fetched as text nodes only, never as HTML.
"""

from __future__ import annotations

STYLE = """
:root{--bg:#f6f7f9;--card:#fff;--ink:#1c2330;--soft:#667085;--line:#e4e7ec;--accent:#2457d6;--fresh:#fff3c4}
@media(prefers-color-scheme:dark){:root{--bg:#11151c;--card:#1a2029;--ink:#e8ebf0;--soft:#98a2b3;--line:#2c3440;
--accent:#8fb0ff;--fresh:#4a3f12}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.45 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
header{display:flex;align-items:baseline;justify-content:space-between;gap:1rem;flex-wrap:wrap}
h1{font-size:1.6rem;margin:.5rem 0;overflow-wrap:anywhere}
#total,.sku,.empty,.stores span{color:var(--soft)}
form{display:flex;gap:.5rem;margin:.5rem 0 1rem}
input{flex:1;min-width:0}
input,button{font:inherit;padding:.5rem .75rem;border:1px solid var(--line);border-radius:.5rem;
background:var(--card);color:inherit}
button{background:var(--accent);border-color:var(--accent);color:var(--bg);cursor:pointer}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line)}
th,td{padding:.55rem .75rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:baseline}
th{font-size:.8rem;color:var(--soft);font-weight:600}
.name,.sku{overflow-wrap:anywhere}
.sku{font-size:.85rem;font-family:ui-monospace,monospace}
.price{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.price s{color:var(--soft);font-weight:400;margin-right:.4rem}
tbody tr{transition:background 1s}
.empty{text-align:center}tbody:not(:empty)+tfoot{display:none}
.fresh{background:var(--fresh)}
.stores{list-style:none;padding:0;display:grid;gap:.75rem;
grid-template-columns:repeat(auto-fill,minmax(14rem,1fr))}
.stores a{display:flex;justify-content:space-between;gap:1rem;padding:1rem;background:var(--card);
color:inherit;border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}
.pager{display:flex;justify-content:space-between;padding:1rem 0;color:var(--soft)}
@media(max-width:36rem){thead{display:none}
tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid
var(--line)}td{border:0;padding:.4rem .75rem}.sku{grid-row:2;padding-top:0}.price{grid-row:1/3;grid-column:2}
.price s{display:block;margin:0}}
"""

SCRIPT = """
"use strict";
(() => {
  const body = document.getElementById("listings"), total = document.getElementById("total");
  const cell = (row, name, text) => {
    const td = row.insertCell();
    td.className = name;
    td.textContent = text;
    return td;
  };
  const build = item => {
    const row = document.createElement("tr");
    row.dataset.sku = item.sku;
    cell(row, "name", item.name);
    cell(row, "sku", item.sku);
    cell(row, "price", "");
    return row;
  };
  const show = (row, item) => {
    row.className = item.old ? "fresh" : "";
    row.cells[0].textContent = item.name;
    const now = document.createElement("b"), parts = [now];
    now.textContent = item.price;
    if (item.old) {
      const former = document.createElement("s");
      former.textContent = item.old;
      parts.unshift(former, " ");
    }
    row.cells[2].replaceChildren(...parts);
  };
  const refresh = async () => {
    try {
      const answer = await fetch(body.dataset.feed, {cache: "no-store"});
      if (answer.ok) {
        const {total: count, items} = await answer.json();
        const rows = new Map([...body.rows].map(row => [row.dataset.sku, row]));
        total.textContent = count;
        const current = items.map(item => {
          const row = rows.get(item.sku) || build(item);
          show(row, item);
          return row;
        });
        if (current.length !== body.rows.length || current.some((row, i) => row !== body.rows[i]))
          body.replaceChildren(...current);
      }
    } catch (error) {
      console.warn("the marketplace does not answer", error);
    }
    setTimeout(refresh, 2000);
  };
  setTimeout(refresh, 2000);
})();
"""
