package report

import (
	"html/template"
	"strconv"
	"strings"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// listRows writes the rows of a list of differences. They stand in code because
// a page may have thousands of them, each of some forty values: of all that a
// comparison of two files of five million rows does, a template took a fortieth
// for these alone. Whatever comes from outside goes through text.
type listRows struct {
	tongue
	zone string
	html strings.Builder
}

// rows writes the rows of a group.
func (t tongue) rows(g group, zone string) template.HTML {
	r := listRows{tongue: t, zone: zone}
	for _, d := range g.Shown {
		r.row(d)
	}
	return template.HTML(r.html.String())
}

func (r *listRows) row(d *schemas.Difference) {
	r.raw(`<tr><td data-l="`).phrase("c.number").raw(`"><div>`)
	r.number(d)
	r.raw("</div></td>\n" + `<td class="n" data-l="`).phrase("c.local").raw(`"><div>`)
	r.side(d, d.LocalRow)
	r.raw("</div></td>\n" + `<td class="n" data-l="`).phrase("c.chan").raw(`"><div>`)
	r.side(d, d.ChannelRow)
	r.raw("</div></td>\n")
	r.delta(d)
	r.raw(`<td class="w" data-l="`).phrase("c.why").raw(`"><div>`)
	r.why(d)
	r.raw("</div></td>\n" + `<td data-l="`).phrase("c.decision").raw(`"><div>`)
	r.decision(d)
	r.raw("</div></td></tr>\n")
}

// raw writes markup.
func (r *listRows) raw(markup string) *listRows {
	r.html.WriteString(markup)
	return r
}

// text writes what is shown.
func (r *listRows) text(s string) *listRows {
	if strings.IndexFunc(s, special) < 0 {
		r.html.WriteString(s)
	} else {
		r.html.WriteString(escaped.Replace(s))
	}
	return r
}

// phrase writes the words of a key.
func (r *listRows) phrase(key string) *listRows { return r.text(r.say(key)) }

// escaped does what html/template does to a text in a page and in an attribute
// between quotes.
var escaped = strings.NewReplacer("\x00", "\uFFFD", `"`, "&#34;", "&", "&amp;", "'", "&#39;", "+", "&#43;", "<", "&lt;", ">", "&gt;")

func special(c rune) bool {
	switch c {
	case 0, '"', '&', '\'', '+', '<', '>':
		return true
	}
	return false
}

func (r *listRows) number(d *schemas.Difference) {
	r.raw(`<span class="mono">`).text(plain(d.Key)).raw(`</span><span class="sub">`).text(r.word("kind", d.Kind))
	if d.Group != 0 {
		r.raw(" · ").phrase("c.group").raw(" ").text(strconv.FormatInt(d.Group, 10))
	}
	r.raw("</span>")
	if number := channelNumber(d); number != "" {
		r.raw(`<span class="sub mono">`).text(plain(number)).raw("</span>")
	}
}

// side writes one side, and marks what differs from the other.
func (r *listRows) side(d *schemas.Difference, x *schemas.Record) {
	if x == nil {
		r.raw(`<span class="mute">—</span>`)
		return
	}
	var amount, status, fee bool
	if l, c := d.LocalRow, d.ChannelRow; l != nil && c != nil {
		amount, status, fee = l.AmountMinor != c.AmountMinor || l.Currency != c.Currency, l.Status != c.Status, l.FeeMinor != c.FeeMinor
	}
	r.marked("st", amount).text(r.money(x.AmountMinor, x.Currency)).raw(" <small>").text(plain(x.Currency)).raw("</small></span>")
	r.marked("sub", status).text(r.word("status", x.Status)).raw("</span>")
	if x.FeeMinor.Valid {
		r.marked("sub", fee).phrase("c.fee").raw(" ").text(r.money(x.FeeMinor.V, x.Currency)).raw("</span>")
	}
	r.raw(`<span class="sub">`).text(inZone(x.EventTime, r.zone)).raw("</span>")
}

// marked begins a span, which shows whether it differs.
func (r *listRows) marked(class string, differs bool) *listRows {
	r.raw(`<span class="`).raw(class)
	if differs {
		r.raw(" ne")
	}
	return r.raw(`">`)
}

func (r *listRows) delta(d *schemas.Difference) {
	r.raw(`<td class="n`)
	if d.DeltaMinor < 0 {
		r.raw(" neg")
	}
	r.raw(`" data-l="`).phrase("c.delta").raw(`"><div>`).text(r.signed(d.DeltaMinor, d.Currency))
	if l := string(labelOf(d)); l != "" {
		r.raw(` <span class="st"><span class="tag `).text(l).raw(`">`).text(r.word("label", l)).raw("</span></span>")
	}
	if d.FeeDelta != 0 {
		r.raw(`<span class="sub">`).phrase("c.fee").raw(" ").text(r.signed(d.FeeDelta, d.Currency)).raw("</span>")
	}
	r.raw("</div></td>\n")
}

// why writes the reason, and the rows that nearly fit.
func (r *listRows) why(d *schemas.Difference) {
	r.text(r.reason(d))
	if near := d.Nearest; near != nil {
		r.raw(`<span class="sub">`).phrase("c.nearest").raw(": ")
		r.candidate(&near.Record)
		if near.Failed != "" {
			r.raw(", ").phrase("c.but").raw(": ").text(r.word("field", near.Failed))
		}
		r.raw("</span>")
	}
	if len(d.Candidates) > 0 {
		r.raw("<details><summary>").phrase("c.candidates").raw(": ").text(strconv.Itoa(len(d.Candidates))).raw("</summary>")
		for i := range d.Candidates {
			x := &d.Candidates[i]
			r.raw(`<span class="sub">`)
			r.candidate(&x.Record)
			r.raw(" ").text(r.word("status", x.Record.Status)).raw(" ").text(inZone(x.Record.EventTime, r.zone))
			if x.Failed != "" {
				r.raw(" · ").text(r.word("field", x.Failed))
			}
			r.raw("</span>")
		}
		r.raw("</details>")
	}
	if d.BreakOn != bizday.None && d.BreakOn != 0 {
		r.raw(`<span class="sub">`).phrase("c.break_on").raw(" ").text(d.BreakOn.String()).raw("</span>")
	}
}

func (r *listRows) candidate(x *schemas.Record) {
	r.raw(`<span class="mono">`).text(plain(numberOf(x))).raw("</span> ").text(r.money(x.AmountMinor, x.Currency))
}

func (r *listRows) decision(d *schemas.Difference) {
	if dec := d.Decision; dec != nil {
		action := string(dec.Action)
		r.raw(`<span class="tag `).text(action).raw(`">`).text(r.word("action", action)).raw("</span>")
		if dec.Priority != 0 {
			priority := strconv.Itoa(dec.Priority)
			r.raw(` <span class="tag p`).raw(priority).raw(`">P`).raw(priority).raw("</span>")
		}
		r.raw(" <small>").text(plain(dec.Cell)).raw("</small>")
		for _, f := range dec.Fixes {
			r.raw(`<span class="sub">`).text(r.word("fix", f)).raw("</span>")
		}
		if dec.Why != "" {
			r.raw(`<span class="sub">`).text(r.tell(dec.Why)).raw("</span>")
		}
	}
	if d.CaseID != "" {
		r.raw(`<span class="sub mono">`).text(plain(d.CaseID)).raw("</span>")
	}
}

// channelNumber is the channel's number of a difference, from whichever side
// has it; "" if it is the key already.
func channelNumber(d *schemas.Difference) string {
	for _, r := range []*schemas.Record{d.ChannelRow, d.LocalRow} {
		if r == nil {
			continue
		}
		number := r.ChannelRef
		if r.Kind != schemas.Payment && r.ChannelRefundRef != "" {
			number = r.ChannelRefundRef
		}
		if number != "" && number != d.Key {
			return number
		}
	}
	return ""
}
