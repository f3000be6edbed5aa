// Package config reads the operator's configuration.
//
// In: one YAML file. Out: a checked Config, or every mistake at once with file
// and line; nothing is opened before the whole file is right. Called by cmd.
// Secrets never stand in the file: it names files that hold them.
package config

import (
	"time"

	"tieout/internal/bizday"
	"tieout/internal/money"
)

// Config is the whole file.
type Config struct {
	Version    int        `yaml:"version"`  // 1
	Data       string     `yaml:"data"`     // folder of the database, the lake and the reports
	Lang       string     `yaml:"lang"`     // "zh" or "en": first language of reports and messages
	Local      Local      `yaml:"local"`    // our books
	Accounts   []Account  `yaml:"accounts"` // one a merchant account at a channel
	Channels   []string   `yaml:"channels"` // files with definitions of the operator's own banks
	Alerts     []Alert    `yaml:"alerts"`
	Calendar   Calendar   `yaml:"calendar"`
	Settlement Settlement `yaml:"settlement"`
	Ledger     Ledger     `yaml:"ledger"`
	Risk       Risk       `yaml:"risk"`

	API       API        `yaml:"api"`       // of the server for merchants and channels
	Web       Web        `yaml:"web"`       // of the server for people
	Merchants []Merchant `yaml:"merchants"` // who may call it
	Interop   []Interop  `yaml:"interop"`   // the agreements with clearing organisations

	file string
	dir  string
}

// Ledger is about the books of the payment core.
type Ledger struct {
	KeyFile string  `yaml:"key_file"` // key of the checksums of balances, 16 bytes or more; "" = none
	Sweep   []Sweep `yaml:"sweep"`
}

// Sweep takes what a merchant has above an amount to the merchant above it, at
// day's end.
type Sweep struct {
	Entity   string `yaml:"entity"`
	Currency string `yaml:"currency"` // default CNY
	Keep     string `yaml:"keep"`     // "100.00"; default 0
	Off      bool   `yaml:"off"`
}

// Risk is about payments before they go to their channels.
type Risk struct {
	RulesFile string `yaml:"rules_file"`             // YAML; "" = every payment goes
	TwoAbove  int64  `yaml:"two_people_above_minor"` // a release of more needs two people; default 0: always
}

// Local says where our transactions come from.
type Local struct {
	Source  string            `yaml:"source"`      // core, csv, parquet, sqlite, postgres, mysql
	Path    string            `yaml:"path"`        // csv, parquet: file, with {date} for 2006-01-02 and {account}; sqlite: database file
	DSNFile string            `yaml:"dsn_file"`    // postgres, mysql: a file that holds the connection string
	Query   string            `yaml:"query"`       // read-only SELECT with :from, :to, and :account, :merchant, :channel as needed
	Lookup  string            `yaml:"lookup"`      // read-only SELECT with :key, for the lookup without the date; "" = none
	Mark    string            `yaml:"watermark"`   // SELECT of one value that grows with every change; "" = what the database offers
	Times   string            `yaml:"times"`       // how the database holds times: native, text, s, ms, us
	Zone    string            `yaml:"zone"`        // of times without an offset; "" = each says its own
	Major   bool              `yaml:"major_units"` // amounts are in major units, such as 12.30
	Columns map[string]string `yaml:"columns"`     // our column -> theirs
	Status  map[string]string `yaml:"status"`      // their word -> SUCCESS, UNKNOWN, FAILED, CLOSED, REVERSED
}

// Account is one merchant account at one channel.
type Account struct {
	Name       string   `yaml:"name"`       // stands in file names and reports: a-z 0-9 -
	Channel    string   `yaml:"channel"`    // a name of `tieout channel list`
	Merchant   string   `yaml:"merchant"`   // number at the channel
	Statements []string `yaml:"statements"` // TRADE, FUND, BANK with an optional variant: "TRADE:ALL"
	Fetch      Fetch    `yaml:"fetch"`
	// Query is how the channel is asked about one payment, where statements
	// come another way; left out, fetch's API is asked too.
	Query    Fetch    `yaml:"query"`
	Schedule Schedule `yaml:"schedule"`
	Match    Match    `yaml:"match"`
	Fence    Fence    `yaml:"fence"`
	// Virtual lets payers pay by bank transfer, each to a number of his own below
	// this account; the bank's statement says who paid.
	Virtual Virtual `yaml:"virtual_accounts"`
	// LateSuccess says what happens to a payment that succeeds after its order
	// was closed: "refund" or "manual".
	LateSuccess string `yaml:"late_success"`
	// FeeRate is what the channel's contract says a payment costs, "0.6%" of
	// its amount, rounded half up; "" leaves fee differences to people.
	FeeRate string `yaml:"fee_rate"`
	Pay     Pay    `yaml:"pay"`
	// VoidSameDay lets UnionPay void what gives a whole payment back on the
	// settlement day that took it, in place of a refund.
	VoidSameDay bool `yaml:"void_same_day"`
	// RefundFee says that our books accrue the fee that a refund brings back,
	// so that it is compared; else only the fees of payments are.
	RefundFee bool `yaml:"refund_fee"`
}

// Pay says which payments an account is chosen for, where a merchant names a
// method alone.
type Pay struct {
	Methods []string `yaml:"methods"` // NATIVE, JSAPI, H5, PRECREATE, PAGE, WAP, GATEWAY, TRANSFER; default every one of the channel
	Least   string   `yaml:"least"`   // smallest payment, in yuan; "" = no limit
	Most    string   `yaml:"most"`    // largest
}

// Limits are the smallest and the largest payment in fen; 0: no limit.
func (p Pay) Limits() (least, most int64) {
	return fen(p.Least), fen(p.Most)
}

// fen reads an amount that was checked.
func fen(yuan string) int64 {
	v, err := money.Parse([]byte(yuan), 2)
	if err != nil {
		return 0
	}
	return v
}

// Virtual are the virtual accounts below an account at a bank.
type Virtual struct {
	Prefix    string        `yaml:"prefix"`     // 1 to 12 digits that the bank gave us; "" = there are none
	Bank      string        `yaml:"bank"`       // what payers are told: bank and branch
	Holder    string        `yaml:"holder"`     // and the name of the account
	PayWithin time.Duration `yaml:"pay_within"` // how long a payment waits for its money; default 72h
}

// Fetch says how statements are brought.
type Fetch struct {
	Via     string   `yaml:"via"`      // api, ftp, sftp, localdir
	BaseURL string   `yaml:"base_url"` // api: "" = the channel's production address
	Hosts   []string `yaml:"hosts"`    // api: hosts that a download link may point at, beside the channel's own
	// AllowLoopback lets this account talk to addresses of this machine, for a
	// simulator. It is refused for the channel's production address.
	AllowLoopback bool   `yaml:"allow_loopback"`
	CAFile        string `yaml:"ca_file"` // trust this authority too

	Address        string `yaml:"address"` // ftp, sftp: host:port
	User           string `yaml:"user"`
	PasswordFile   string `yaml:"password_file"`
	PrivateKeyFile string `yaml:"private_key_file"`
	KnownHostsFile string `yaml:"known_hosts_file"` // sftp: at least one pinned key
	HostKey        string `yaml:"host_key"`         // sftp: SHA256:… fingerprint
	TLS            bool   `yaml:"tls"`              // ftp: explicit TLS
	AllowCleartext string `yaml:"allow_cleartext"`  // ftp without TLS: the reason why

	// Files in a folder: patterns with {merchant}, {yyyymmdd}, {yyyymmdd+1},
	// {yymmdd}, {part2}, {variant}.
	Dir       string        `yaml:"dir"`
	File      string        `yaml:"file"`
	Marker    string        `yaml:"marker"`      // ok, md5, sha1, sha256: a second file that is written after the data; "" = none
	MarkerFor string        `yaml:"marker_file"` // its pattern; "" = the file's name with ".ok", ".md5", …
	Parts     int           `yaml:"parts"`       // files that make one statement; 0 = one
	EmptyDay  string        `yaml:"empty_day"`   // how a day without transactions looks: zero_bytes, no_file, header_only; "" = never
	Poll      time.Duration `yaml:"poll"`        // between two looks at a file without a marker; default 30s
	GBKNames  bool          `yaml:"gbk_names"`

	QueryURL string `yaml:"query_url"` // unionpay: the query service; "" = production
	AppID    string `yaml:"app_id"`
	Serial   string `yaml:"serial"` // serial number of our certificate
	CertFile string `yaml:"cert_file"`
	// RootCertFile, for Alipay, holds its root certificates. With it and cert_file
	// the app is in certificate mode, and platform_keys are certificates.
	RootCertFile string `yaml:"root_cert_file"`
	// PlatformKeys are the channel's public keys, by the serial or id that its
	// answers name.
	PlatformKeys map[string]string `yaml:"platform_keys"`
	APIv3KeyFile string            `yaml:"api_v3_key_file"`
}

// Schedule says when a statement is due and how often to try.
type Schedule struct {
	ReadyAt    string        `yaml:"ready_at"`    // "10:00" in the channel's zone on the next day
	RetryEvery time.Duration `yaml:"retry_every"` // 5m to 10m between attempts; default 10m
	GiveUp     string        `yaml:"give_up"`     // "18:00"
	BankDays   bool          `yaml:"bank_days"`   // the statement comes on the next day on which banks work
}

// Match overrides the channel definition's windows.
type Match struct {
	WindowBefore time.Duration `yaml:"window_before"`
	WindowAfter  time.Duration `yaml:"window_after"`
	CarryDays    int           `yaml:"carry_days"`
	RefundDays   int           `yaml:"refund_carry_days"`
}

// Fence bounds the fixes that happen by themselves, per rule and day.
type Fence struct {
	MaxCount  int64             `yaml:"max_count"`  // default 500
	MaxAmount map[string]string `yaml:"max_amount"` // currency -> major units as text, "500000.00"
	MaxShare  string            `yaml:"max_share"`  // of the day's rows, "5%"
}

// Alert is one place to which a night that did not end well is told.
type Alert struct {
	Name    string   `yaml:"name"`
	Kind    string   `yaml:"kind"` // dingtalk, wecom, feishu, slack, json, email
	URLFile string   `yaml:"url_file"`
	KeyFile string   `yaml:"key_file"` // signing secret, or the mail password
	SMTP    string   `yaml:"smtp"`     // host:port
	User    string   `yaml:"user"`
	From    string   `yaml:"from"`
	To      []string `yaml:"to"`
	Exits   []int    `yaml:"exits"` // exit codes that are told; default: all but 0 and 10
}

// Calendar holds the days on which banks do not work.
type Calendar struct {
	Holidays []bizday.Date `yaml:"holidays"`
	Workdays []bizday.Date `yaml:"workdays"` // weekends that are worked (调休)
}

// Closed tells whether banks rest on d.
func (c Calendar) Closed(d bizday.Date) bool {
	for _, w := range c.Workdays {
		if w == d {
			return false
		}
	}
	for _, h := range c.Holidays {
		if h == d {
			return true
		}
	}
	return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
}

// Account returns the account with a name.
func (c *Config) Account(name string) (Account, bool) {
	for _, a := range c.Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return Account{}, false
}
