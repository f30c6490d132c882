#include "page_frame.h"

const char page_fields[] =
	"Content-Security-Policy: default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Vary: Accept\r\n";

/* Colours of the series of plots: c0 to c7. They differ in lightness, too, for people who do not see all colours. */
const char page_style[] =
	":root{color-scheme:light dark;--back:#fff;--text:#1b1f23;--dim:#59636e;--line:#d1d9e0;--link:#0a58ca;"
	"--good:#1a7f37;--bad:#b3261e;--shade:#f4f6f8;--c0:#0b5cad;--c1:#d55e00;--c2:#2a9d7c;--c3:#a0488f;--c4:#c79a00;"
	"--c5:#56a7dd;--c6:#7a4a1e;--c7:#8b949e}\n"
	"@media(prefers-color-scheme:dark){:root{--back:#14181d;--text:#e3e8ee;--dim:#9aa5b1;--line:#38414b;"
	"--link:#7db7ff;--good:#5fd38a;--bad:#ff8a80;--shade:#1c2229;--c0:#6aaefc;--c1:#ff9447;--c2:#54d1ad;--c3:#e08fd0;"
	"--c4:#f0cf5a;--c5:#a8d8f8;--c6:#c99a6b;--c7:#9aa5b1}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:75rem;padding:1rem;background:var(--back);color:var(--text);"
	"font:1rem/1.5 system-ui,sans-serif}\n"
	"a{color:var(--link)}\n"
	"h1{font-size:1.5rem;margin:.5rem 0;overflow-wrap:anywhere}\n"
	"h2{font-size:1.2rem;margin:2rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line)}\n"
	"h3{font-size:1rem;margin:1.2rem 0 .3rem}\n"
	"p,li,dd,td,th{overflow-wrap:anywhere}\n"
	"p{margin:.4rem 0;max-width:55rem}\n"
	"header,footer{color:var(--dim)}\n"
	"footer{margin-top:2rem;border-top:1px solid var(--line)}\n"
	"code,pre{font-family:ui-monospace,monospace;font-size:.9em}\n"
	"pre{overflow-x:auto;padding:.6rem;background:var(--shade)}\n"
	".wide,.rows{overflow-x:auto}\n"
	"thead th,.n{white-space:nowrap;overflow-wrap:normal}\n"
	".wide p,.rows p{margin:.2rem 0;max-width:45rem}\n"
	"table{border-collapse:collapse;margin:.5rem 0;font-size:.92rem}\n"
	"caption{text-align:left;color:var(--dim);padding:.2rem 0}\n"
	"th,td{text-align:left;vertical-align:top;min-width:7rem;padding:.25rem .8rem .25rem 0;"
	"border-bottom:1px solid var(--line)}\n"
	".wide th[scope=row],.rows th[scope=row],.rows td{min-width:11rem}\n"
	"details{overflow-x:auto}\n"
	"th[scope=row]{font-weight:600}\n"
	"td.n,th.n{text-align:right;min-width:0;font-variant-numeric:tabular-nums}\n"
	".ago{color:var(--dim);white-space:nowrap}\n"
	"time{white-space:nowrap}\n"
	".good,.bad{font-weight:600}\n"
	".good{color:var(--good)}\n"
	".bad{color:var(--bad)}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0}\n"
	"dt{color:var(--dim)}\n"
	"dd{margin:0}\n"
	"figure{margin:1rem 0;overflow-x:auto}\n"
	"figcaption{font-weight:600}\n"
	"svg{display:block;width:100%;min-width:36rem;max-width:60rem;height:auto;font-size:120px;fill:var(--dim)}\n"
	"svg .left{text-anchor:end}\n"
	"svg .below{text-anchor:middle}\n"
	"svg .grid{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke;fill:none}\n"
	"svg .gap{fill:var(--shade)}\n"
	"svg .line{fill:none;stroke:var(--c);stroke-width:1.5;vector-effect:non-scaling-stroke}\n"
	"svg .thin{stroke-width:.7}\n"
	"svg .area{fill:var(--c)}\n"
	".c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}"
	".c6{--c:var(--c6)}.c7{--c:var(--c7)}\n"
	".legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.3rem 0;padding:0;font-size:.9rem}\n"
	".legend li::before{content:'';display:inline-block;width:1.4em;border-top:.5em solid var(--c);margin-right:.4em;"
	"vertical-align:.15em}\n"
	".legend .thin::before{border-top:.1em solid var(--c);vertical-align:.3em}\n"
	"summary{cursor:pointer;color:var(--dim)}\n"
	"@media(max-width:40rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}"
	".rows thead{display:none}.rows table,.rows caption,.rows tbody,.rows tr,.rows th,.rows td{display:block}"
	".rows th,.rows td{border:0;padding:.1rem 0}.rows tr{border-bottom:1px solid var(--line);padding:.4rem 0}}\n";

void page_begin(struct text *out, const char *heading, const char *host, int64_t now)
{
	html_add(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<title>%s: stsgate</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n"
		"<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n"
		"<header><a href=\"/\">stsgate " PACKAGE_VERSION "</a> on %s, ",
		heading, host);
	html_time(out, now, 0);
	html_add(out, "</header>\n<main>\n<h1>%s</h1>\n", heading);
}

void page_end(struct text *out)
{
	text_add(out, "</main>\n<footer><p>This page changes nothing. stsgate(1) describes the commands that it names; "
		      "<a href=\"/healthz\">/healthz</a> and <a href=\"/metrics\">/metrics</a> are for monitoring.</p>"
		      "</footer>\n</body>\n</html>\n");
}
