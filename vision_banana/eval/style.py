"""The style sheet of the report."""

CSS = """\
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#f5f6f8;color:#1c2026;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:27px;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:20px;margin:0 0 6px}
h3{font-size:16px;margin:30px 0 10px;padding-top:18px;border-top:1px solid #e6e8ec}
p{margin:0 0 8px;max-width:75em}
.intro{color:#4a525e;margin-bottom:18px}
.protocol{color:#6a7280;font-size:13px}
section{background:#fff;border:1px solid #e1e4e9;border-radius:10px;padding:22px 24px;
margin:18px 0}
.cards{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0}
.card{flex:1 1 200px;max-width:290px;border:1px solid #e1e4e9;border-left:4px solid;
border-radius:8px;
padding:10px 14px;font-size:13px;color:#4a525e}
.card.good{border-left-color:#059669}
.card.bad{border-left-color:#d97706}
.card .value{font-size:26px;font-weight:650;color:#1c2026;line-height:1.3}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;margin:8px 0 10px;
font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:5px 10px;white-space:nowrap}
th[scope=row]{text-align:left;font-weight:400;padding-left:20px}
thead th{border-bottom:2px solid #cfd4db;vertical-align:bottom}
small{display:block;font-weight:400;color:#6a7280;font-size:12px}
.task th{text-align:left;background:#f5f6f8;border-top:1px solid #e1e4e9;
white-space:normal;padding:7px 10px}
td.best{font-weight:700}
.examples{display:grid;gap:16px}
.prompt{color:#4a525e;font-size:13px;margin:0 0 6px}
.row{display:flex;gap:10px;overflow-x:auto}
figure{margin:0;flex:1 1 0;min-width:96px;max-width:176px}
figure img{display:block;width:100%;border-radius:4px;background:#eceef1}
img.pixels{image-rendering:pixelated}
figcaption{font-size:12px;color:#4a525e;margin-top:3px;overflow-wrap:anywhere}
.legend{color:#6a7280;font-size:11px;line-height:1.45}
.bar{display:flex;align-items:center;gap:5px}
.bar i{flex:1;height:8px;border-radius:2px;background:linear-gradient(90deg,
#440154,#472d7b,#3b528b,#2c728e,#21918c,#28ae80,#5ec962,#addc30,#fde725)}
.swatch{margin-right:8px;white-space:nowrap}
.swatch i{display:inline-block;width:9px;height:9px;border:1px solid #c7ccd4;
border-radius:2px;margin-right:3px}
.curve{width:100%;max-width:900px;min-width:560px;font:12px system-ui,sans-serif;
fill:#4a525e}
.curve .grid{stroke:#e6e8ec;stroke-width:1}
"""
