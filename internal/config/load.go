package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/risk"
)

// Load reads and checks a file. channels lists the channel names that exist. The
// error is E-7890 and holds every mistake with its line; nothing was opened
// but the file itself and, to see that they are there, the files it names.
func Load(path string, channels []string) (*Config, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New("E-7891", fault.V{"path": path}, err)
	}
	c, problems := parse(path, body, channels)
	if len(problems) > 0 {
		return nil, fault.New("E-7890", fault.V{"path": path, "count": len(problems)}, Problems(problems))
	}
	return c, nil
}

// checker collects mistakes; lines knows the line of each path in the file.
type checker struct {
	file     string
	dir      string
	lines    map[string]int
	problems []Problem
}

func (k *checker) bad(path, format string, args ...any) {
	p := path
	line := k.lines[p]
	for line == 0 && strings.Contains(p, ".") { // a missing key: the line of what should hold it
		p = p[:strings.LastIndex(p, ".")]
		line = k.lines[p]
	}
	k.problems = append(k.problems, Problem{k.file, line, path + ": " + fmt.Sprintf(format, args...)})
}

func parse(path string, body []byte, channels []string) (*Config, []Problem) {
	k := &checker{file: path, dir: filepath.Dir(path), lines: map[string]int{}}
	c := &Config{file: path, dir: k.dir}
	var root yaml.Node
	if err := yaml.Unmarshal(body, &root); err != nil {
		return nil, yamlProblems(path, err)
	}
	if len(root.Content) == 1 {
		k.walk("", root.Content[0])
	}
	dec := yaml.NewDecoder(bytes.NewReader(body))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil {
		k.problems = append(k.problems, yamlProblems(path, err)...)
	}
	k.config(c, channels)
	sort.SliceStable(k.problems, func(i, j int) bool { return k.problems[i].Line < k.problems[j].Line })
	return c, k.problems
}

// walk notes the line of every key, as "accounts.0.fetch.via", and finds keys
// that stand twice.
func (k *checker) walk(path string, n *yaml.Node) {
	join := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := join(n.Content[i].Value)
			k.lines[p] = n.Content[i].Line
			k.walk(p, n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			p := join(strconv.Itoa(i))
			k.lines[p] = item.Line
			k.walk(p, item)
		}
	}
}

var (
	nameShape      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	statementShape = regexp.MustCompile(`^(TRADE|FUND|BANK)(:[A-Za-z0-9_]{1,32})?$`)
	sources        = []string{"core", "csv", "parquet", "sqlite", "postgres", "mysql"}
	transports     = []string{"api", "ftp", "sftp", "localdir"}
	alertKinds     = []string{"dingtalk", "wecom", "feishu", "slack", "json", "email"}
)

func (k *checker) config(c *Config, channels []string) {
	if c.Version != 1 {
		k.bad("version", "must be 1")
	}
	if c.Data == "" {
		k.bad("data", "is needed: the folder of the database, the lake and the reports")
	}
	c.Data = k.path(c.Data)
	if c.Lang == "" {
		c.Lang = "zh"
	}
	k.oneOf("lang", c.Lang, []string{"zh", "en"})
	for i := range c.Channels {
		c.Channels[i] = k.regular(fmt.Sprintf("channels.%d", i), c.Channels[i], 0o777)
	}
	k.local(&c.Local)
	if len(c.Accounts) == 0 {
		k.bad("accounts", "at least one account is needed")
	}
	seen := map[string]int{}
	for i := range c.Accounts {
		p := fmt.Sprintf("accounts.%d", i)
		a := &c.Accounts[i]
		if first, dup := seen[a.Name]; dup && a.Name != "" {
			k.bad(p+".name", "%q is used by accounts.%d too", a.Name, first)
		}
		seen[a.Name] = i
		k.account(p, a, channels, len(c.Channels) > 0)
	}
	for i := range c.Alerts {
		k.alert(fmt.Sprintf("alerts.%d", i), &c.Alerts[i])
	}
	k.settlement(&c.Settlement)
	k.serving(c)
	k.interop(c)
	k.web(c)
	c.Ledger.KeyFile = k.secret("ledger.key_file", c.Ledger.KeyFile, false)
	for i := range c.Ledger.Sweep {
		k.sweep(fmt.Sprintf("ledger.sweep.%d", i), &c.Ledger.Sweep[i])
	}
	k.risk(&c.Risk)
}

// risk checks the rules too: a server that starts has rules that hold.
func (k *checker) risk(r *Risk) {
	if r.RulesFile = k.optional("risk.rules_file", r.RulesFile); r.RulesFile == "" {
		return
	}
	body, err := os.ReadFile(r.RulesFile)
	if err != nil {
		k.bad("risk.rules_file", "cannot be read")
		return
	}
	if _, err := risk.Parse(body); err != nil {
		k.bad("risk.rules_file", "%v", err)
	}
	if r.TwoAbove < 0 {
		k.bad("risk.two_people_above_minor", "must not be negative")
	}
}

func (k *checker) local(l *Local) {
	k.oneOf("local.source", l.Source, sources)
	switch l.Source {
	case "csv", "parquet", "sqlite":
		if l.Path == "" {
			k.bad("local.path", "is needed for source %s", l.Source)
		}
		l.Path = k.path(l.Path)
	case "postgres", "mysql":
		l.DSNFile = k.secret("local.dsn_file", l.DSNFile, true)
	}
	if l.Source == "sqlite" || l.Source == "postgres" || l.Source == "mysql" {
		for _, need := range []string{":from", ":to"} {
			if !strings.Contains(l.Query, need) {
				k.bad("local.query", "must use %s", need)
			}
		}
	}
	k.oneOf("local.times", l.Times, []string{"", "native", "text", "s", "ms", "us"})
	if _, err := time.LoadLocation(l.Zone); err != nil {
		k.bad("local.zone", "%q is not a time zone", l.Zone)
	}
	for word, status := range l.Status {
		k.oneOf("local.status."+word, status, []string{"SUCCESS", "UNKNOWN", "FAILED", "CLOSED", "REVERSED"})
	}
}

// ownAccount stands in the books where what pays is no channel's account.
const ownAccount = "own"

func (k *checker) account(p string, a *Account, channels []string, own bool) {
	if !nameShape.MatchString(a.Name) {
		k.bad(p+".name", "%q is not of the form a-z 0-9 - (at most 40)", a.Name)
	}
	if a.Name == ownAccount {
		k.bad(p+".name", "is what the books call the accounts of ours")
	}
	if !own {
		k.oneOf(p+".channel", a.Channel, channels)
	} else if a.Channel == "" {
		k.bad(p+".channel", "is needed")
	}
	if a.Merchant == "" {
		k.bad(p+".merchant", "is needed: our number at the channel")
	}
	for i, s := range a.Statements {
		if !statementShape.MatchString(s) {
			k.bad(fmt.Sprintf("%s.statements.%d", p, i), "%q is not TRADE, FUND or BANK, with an optional :VARIANT", s)
		}
	}
	k.fetch(p+".fetch", a.Channel, &a.Fetch)
	if a.Query.Via != "" {
		k.oneOf(p+".query.via", a.Query.Via, []string{"api"})
		k.fetch(p+".query", a.Channel, &a.Query)
	}
	k.schedule(p+".schedule", &a.Schedule)
	k.match(p+".match", a.Match)
	k.fence(p+".fence", &a.Fence)
	k.pay(p+".pay", a.Pay)
	if a.FeeRate != "" {
		if _, err := SharePPM(a.FeeRate); err != nil {
			k.bad(p+".fee_rate", "%v", err)
		}
	}
	k.virtual(p+".virtual_accounts", &a.Virtual)
	if a.VoidSameDay && a.Channel != "unionpay" {
		k.bad(p+".void_same_day", "only UnionPay voids payments")
	}
	if a.LateSuccess == "" {
		a.LateSuccess = "manual"
	}
	k.oneOf(p+".late_success", a.LateSuccess, []string{"refund", "manual"})
}

func (k *checker) pay(p string, pay Pay) {
	for name, text := range map[string]string{"least": pay.Least, "most": pay.Most} {
		if v, err := money.Parse([]byte(text), 2); text != "" && (err != nil || v <= 0) {
			k.bad(p+"."+name, "%q is not an amount of %s", text, "CNY")
		}
	}
	if least, most := pay.Limits(); most > 0 && least > most {
		k.bad(p+".most", "is below least")
	}
}

var prefixShape = regexp.MustCompile(`^[0-9]{1,12}$`)

func (k *checker) virtual(p string, v *Virtual) {
	if *v == (Virtual{}) {
		return
	}
	if !prefixShape.MatchString(v.Prefix) {
		k.bad(p+".prefix", "%q is not 1 to 12 digits", v.Prefix)
	}
	if v.Bank == "" || v.Holder == "" {
		k.bad(p+".bank", "bank and holder are needed: payers are told them")
	}
	if v.PayWithin == 0 {
		v.PayWithin = 72 * time.Hour
	}
	if v.PayWithin < time.Hour || v.PayWithin > 60*24*time.Hour {
		k.bad(p+".pay_within", "must be between 1h and 1440h")
	}
}

func (k *checker) fetch(p, channel string, f *Fetch) {
	k.oneOf(p+".via", f.Via, transports)
	f.CAFile = k.optional(p+".ca_file", f.CAFile)
	switch f.Via {
	case "api":
		k.api(p, channel, f)
	case "ftp", "sftp":
		if !strings.Contains(f.Address, ":") {
			k.bad(p+".address", "%q is not host:port", f.Address)
		}
		if f.User == "" {
			k.bad(p+".user", "is needed")
		}
		f.PasswordFile = k.secret(p+".password_file", f.PasswordFile, f.Via == "ftp")
	case "localdir":
		if f.Dir == "" {
			k.bad(p+".dir", "is needed")
		}
		f.Dir = k.path(f.Dir)
	}
	if f.Via != "api" {
		if f.File == "" {
			k.bad(p+".file", "is needed: the name of the statement, such as {merchant}_{yyyymmdd}.txt")
		}
		k.oneOf(p+".marker", f.Marker, []string{"", "ok", "md5", "sha1", "sha256"})
		k.oneOf(p+".empty_day", f.EmptyDay, []string{"", "zero_bytes", "no_file", "header_only"})
	}
	if f.Via == "ftp" && !f.TLS && f.AllowCleartext == "" {
		k.bad(p+".tls", "plain FTP shows the password and the statement to the network: set tls: true, or allow_cleartext: to the reason why not")
	}
	if f.Via == "sftp" {
		if f.KnownHostsFile == "" && f.HostKey == "" {
			k.bad(p+".host_key", "a pinned host key is needed: host_key or known_hosts_file")
		}
		f.KnownHostsFile = k.optional(p+".known_hosts_file", f.KnownHostsFile)
		f.PrivateKeyFile = k.secret(p+".private_key_file", f.PrivateKeyFile, f.PasswordFile == "")
	}
}

func (k *checker) api(p, channel string, f *Fetch) {
	f.PrivateKeyFile = k.secret(p+".private_key_file", f.PrivateKeyFile, true)
	if f.BaseURL != "" && !strings.HasPrefix(f.BaseURL, "https://") && !(f.AllowLoopback && strings.HasPrefix(f.BaseURL, "http://127.0.0.1:")) {
		k.bad(p+".base_url", "must begin with https://")
	}
	if f.AllowLoopback && f.BaseURL == "" {
		k.bad(p+".allow_loopback", "goes only with a base_url of this machine")
	}
	if channel == "unionpay" || channel == "alipay" {
		f.CertFile = k.optional(p+".cert_file", f.CertFile)
	}
	for id, file := range f.PlatformKeys {
		f.PlatformKeys[id] = k.regular(p+".platform_keys."+id, file, 0o777)
	}
	if len(f.PlatformKeys) == 0 {
		k.bad(p+".platform_keys", "at least one public key of the channel is needed")
	}
	switch channel {
	case "wechat":
		if f.Serial == "" {
			k.bad(p+".serial", "is needed: the serial number of our API certificate")
		}
		if f.APIv3KeyFile != "" {
			f.APIv3KeyFile = k.secret(p+".api_v3_key_file", f.APIv3KeyFile, true)
		}
	case "alipay":
		if f.AppID == "" {
			k.bad(p+".app_id", "is needed")
		}
		f.RootCertFile = k.optional(p+".root_cert_file", f.RootCertFile)
		if (f.CertFile == "") != (f.RootCertFile == "") {
			k.bad(p+".root_cert_file", "goes with cert_file: both, or none")
		}
	case "unionpay":
		if f.Serial == "" {
			k.bad(p+".serial", "is needed: certId of our signing certificate")
		}
	}
}

func (k *checker) schedule(p string, s *Schedule) {
	if s.ReadyAt == "" {
		s.ReadyAt = "10:00"
	}
	if s.GiveUp == "" {
		s.GiveUp = "18:00"
	}
	if s.RetryEvery == 0 {
		s.RetryEvery = 10 * time.Minute
	}
	ready, err1 := time.Parse("15:04", s.ReadyAt)
	give, err2 := time.Parse("15:04", s.GiveUp)
	if err1 != nil {
		k.bad(p+".ready_at", "%q is not of the form 15:04", s.ReadyAt)
	}
	if err2 != nil {
		k.bad(p+".give_up", "%q is not of the form 15:04", s.GiveUp)
	}
	if err1 == nil && err2 == nil && !give.After(ready) {
		k.bad(p+".give_up", "must be later than ready_at")
	}
	if s.RetryEvery < time.Minute {
		k.bad(p+".retry_every", "must be at least 1m: channels refuse faster")
	}
}

func (k *checker) match(p string, m Match) {
	for name, d := range map[string]time.Duration{"window_before": m.WindowBefore, "window_after": m.WindowAfter} {
		if d < 0 || d > 12*time.Hour {
			k.bad(p+"."+name, "must be between 0 and 12h")
		}
	}
	for name, n := range map[string]int{"carry_days": m.CarryDays, "refund_carry_days": m.RefundDays} {
		if n < 0 || n > 60 {
			k.bad(p+"."+name, "must be between 0 and 60")
		}
	}
}

func (k *checker) fence(p string, f *Fence) {
	if f.MaxCount == 0 {
		f.MaxCount = 500
	}
	if f.MaxCount < 0 {
		k.bad(p+".max_count", "must not be negative")
	}
	for cur, amount := range f.MaxAmount {
		exp, ok := money.Currency(cur).Exponent()
		if !ok {
			k.bad(p+".max_amount."+cur, "is not a currency that the program knows")
			continue
		}
		if v, err := money.Parse([]byte(amount), exp); err != nil || v < 0 {
			k.bad(p+".max_amount."+cur, "%q is not an amount of %s", amount, cur)
		}
	}
	if f.MaxShare == "" {
		f.MaxShare = "5%"
	}
	if _, err := SharePPM(f.MaxShare); err != nil {
		k.bad(p+".max_share", "%v", err)
	}
}

// SharePPM reads "5%" or "0.5%" as parts per million.
func SharePPM(s string) (int64, error) {
	digits, ok := strings.CutSuffix(s, "%")
	v, err := money.Parse([]byte(digits), 4)
	if !ok || err != nil || v < 0 || v > 1_000_000 {
		return 0, fmt.Errorf("%q is not a share such as 5%%", s)
	}
	return v, nil
}

func (k *checker) alert(p string, a *Alert) {
	k.oneOf(p+".kind", a.Kind, alertKinds)
	if a.Kind == "email" {
		if !strings.Contains(a.SMTP, ":") {
			k.bad(p+".smtp", "%q is not host:port", a.SMTP)
		}
		if len(a.To) == 0 || a.From == "" {
			k.bad(p+".to", "from and at least one to are needed")
		}
		a.KeyFile = k.secret(p+".key_file", a.KeyFile, false)
		return
	}
	a.URLFile = k.secret(p+".url_file", a.URLFile, true)
	a.KeyFile = k.secret(p+".key_file", a.KeyFile, false)
}

func (k *checker) oneOf(path, v string, allowed []string) {
	for _, a := range allowed {
		if a == v {
			return
		}
	}
	k.bad(path, "%q is not one of %s", v, strings.Join(allowed, ", "))
}
