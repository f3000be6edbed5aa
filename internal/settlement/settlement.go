// Package settlement is what merchants get: fees, clearing entries (清分), T+N
// batches, payouts, and the papers about them.
//
// In: contracts of merchants, payments and refunds that the night has proven,
// a bank calendar, answers of banks. Out: entries with gross = net + fee,
// batches with their journal, payout files, statements and bills. All of it is
// pure; the store keeps it, one transaction a step. Called by the store and cmd.
package settlement

import (
	"encoding/json"
	"fmt"

	"tieout/internal/bizday"
)

// Contract is what a merchant agreed to.
type Contract struct {
	Merchant  string
	Cycle     Cycle
	HoldDays  int    // a payment waits for the receipt of the goods at most so long; 0: it does not wait
	Bank      string // our bank that pays
	Payee     Payee
	NotifyURL string // where the merchant hears of payouts; "" = nowhere
	Fees      []Fee
	Split     SplitTerms
}

// Payee is the account that a payout goes to.
type Payee struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Bank    string `json:"bank"` // code of the payee's bank
}

// Wrong says why a bank would not take the payee; "" if it would.
func (p Payee) Wrong() string {
	for _, x := range []struct{ what, text string }{{"name", p.Name}, {"account", p.Account}, {"bank", p.Bank}} {
		if why := notForBank(x.text); why != "" {
			return "payee." + x.what + ": " + why
		}
	}
	return ""
}

// Text is how a payee is kept where one text stands for it.
func (p Payee) Text() string {
	text, err := json.Marshal(p)
	if err != nil { // three texts
		panic("settlement: " + err.Error())
	}
	return string(text)
}

// ReadPayee reads such a text; a payee that no bank takes if it is none.
func ReadPayee(text string) Payee {
	var p Payee
	if json.Unmarshal([]byte(text), &p) != nil {
		return Payee{}
	}
	return p
}

// Masked hides all but the last four characters of the account.
func (p Payee) Masked() Payee {
	if n := len(p.Account) - 4; n > 0 {
		p.Account = "****" + p.Account[n:]
	}
	return p
}

// Cycle is T+N.
type Cycle struct {
	Days     int  // N
	BankDays bool // N counts working days of banks; else calendar days
}

// Calendar holds the days on which banks rest, beside weekends. A year without
// one holiday is a year that nobody has entered.
type Calendar struct {
	holidays, workdays map[bizday.Date]bool
	years              map[int]bool
}

// NewCalendar makes a calendar from the holidays and the weekend days that are
// worked (调休).
func NewCalendar(holidays, workdays []bizday.Date) Calendar {
	c := Calendar{map[bizday.Date]bool{}, map[bizday.Date]bool{}, map[int]bool{}}
	for _, d := range holidays {
		year, _, _ := d.YMD()
		c.holidays[d], c.years[year] = true, true
	}
	for _, d := range workdays {
		c.workdays[d] = true
	}
	return c
}

// MissingYear says that a date cannot be judged.
type MissingYear struct{ Year int }

func (e MissingYear) Error() string {
	return fmt.Sprintf("the bank calendar has no holidays of %d", e.Year)
}

// Working tells whether banks work on d.
func (c Calendar) Working(d bizday.Date) (bool, error) {
	if year, _, _ := d.YMD(); !c.years[year] {
		return false, MissingYear{year}
	}
	weekday := d.Weekday()
	return c.workdays[d] || !c.holidays[d] && weekday != 0 && weekday != 6, nil
}

// Due is the day on which the trades of a bill date are paid out: always a day
// on which banks work, and never before N days have gone by.
func (c Cycle) Due(date bizday.Date, calendar Calendar) (bizday.Date, error) {
	due := date
	if !c.BankDays {
		due = date.Add(c.Days - 1)
	}
	for left := c.left(); left > 0; {
		due = due.Add(1)
		works, err := calendar.Working(due)
		if err != nil {
			return bizday.None, err
		}
		if works {
			left--
		}
	}
	return due, nil
}

// left is how many working days are to be counted: of N calendar days only the
// last must be one.
func (c Cycle) left() int {
	if c.BankDays {
		return c.Days
	}
	return 1
}
