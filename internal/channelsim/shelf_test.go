package channelsim

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func dialSFTP(t *testing.T, c SFTPConfig) *sftp.Client {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.HostKey))
	if err != nil || ssh.FingerprintSHA256(key) != c.Fingerprint {
		t.Fatalf("host key: %v", err)
	}
	conn := must(ssh.Dial("tcp", c.Addr, &ssh.ClientConfig{User: c.User, Auth: []ssh.AuthMethod{ssh.Password(c.Password)},
		HostKeyCallback: ssh.FixedHostKey(key), Timeout: 10 * time.Second}))(t)
	t.Cleanup(func() { conn.Close() })
	client := must(sftp.NewClient(conn))(t)
	t.Cleanup(func() { client.Close() })
	return client
}

func fetchSFTP(c *sftp.Client, path string) ([]byte, error) {
	f, err := c.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func TestSFTP_UnionPayZipAndBankFile(t *testing.T) {
	s, clock := start(t, nil)
	pay(t, s, PayRequest{Channel: UnionPay, MerchantRef: "U1", AmountMinor: 100, At: onDay(9, 0, 0)},
		PayRequest{Channel: Bank, MerchantRef: "B1", AmountMinor: 200, At: onDay(9, 0, 0)})
	c := s.Config()
	union, bank := dialSFTP(t, c.UnionPay.SFTP), dialSFTP(t, c.Bank.SFTP)

	zipPath := "/20261012/" + c.UnionPay.MerID + "_20261012.zip"
	zipped := must(fetchSFTP(union, zipPath))(t)
	zm := gbk(unzipped(t, zipped)["INN26101288ZM_"+c.UnionPay.MerID])
	if r := readZM(t, zm, c.UnionPay.MerID); r.keys["U1"] != 1 {
		t.Errorf("%+v", r)
	}
	if info := must(union.Lstat(zipPath))(t); info.Size() != int64(len(zipped)) || !info.Mode().IsRegular() {
		t.Errorf("%d bytes, %s", info.Size(), info.Mode())
	}
	if _, err := union.Lstat(zipPath + ".ok"); err != nil {
		t.Error(err)
	}

	text := must(fetchSFTP(bank, "/20261012/"+c.Bank.MerID+"_20261012.txt"))(t)
	if r := readBank(t, text, c.Bank.MerID, "20261012"); r.keys["B1"] != 1 {
		t.Errorf("%+v", r)
	}
	mark := must(fetchSFTP(bank, "/20261012/"+c.Bank.MerID+"_20261012.txt.md5"))(t)
	if digest := md5.Sum(text); !strings.HasPrefix(string(mark), hex.EncodeToString(digest[:])+"  ") {
		t.Errorf("marker %q", mark)
	}

	// A login sees its own channel only, and writes nothing.
	if _, err := bank.Lstat(zipPath); err == nil {
		t.Error("the bank's login sees UnionPay's file")
	}
	if f, err := bank.Create("/20261012/x"); err == nil {
		f.Close()
		t.Error("a file was created")
	}
	if err := bank.Remove("/20261012/" + c.Bank.MerID + "_20261012.txt"); err == nil {
		t.Error("a file was removed")
	}
	folders := must(bank.ReadDir("/"))(t)
	files := must(bank.ReadDir("/20261012"))(t)
	if len(folders) != 1 || folders[0].Name() != "20261012" || len(files) != 3 {
		t.Errorf("%d folders, %d files", len(folders), len(files))
	}
	clock.set(morning.Add(-31 * time.Minute))
	if _, err := bank.Lstat("/20261012/" + c.Bank.MerID + "_20261012.txt"); err == nil {
		t.Error("the file is there before its time")
	}
}

func TestSFTP_WrongPassword(t *testing.T) {
	s, _ := start(t, nil)
	c := s.Config().Bank.SFTP
	_, err := ssh.Dial("tcp", c.Addr, &ssh.ClientConfig{User: c.User, Auth: []ssh.AuthMethod{ssh.Password("x")}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err == nil {
		t.Error("it lets anybody in")
	}
}

func dialFTP(t *testing.T, s *Sim, withTLS bool) *ftp.ServerConn {
	t.Helper()
	c := s.Config()
	options := []ftp.DialOption{ftp.DialWithTimeout(10 * time.Second)}
	if withTLS {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(c.CAPEM))
		host, _, _ := net.SplitHostPort(c.Bank.FTP.Addr)
		options = append(options, ftp.DialWithExplicitTLS(&tls.Config{RootCAs: roots, ServerName: host, ClientSessionCache: tls.NewLRUClientSessionCache(4)}))
	}
	conn := must(ftp.Dial(c.Bank.FTP.Addr, options...))(t)
	t.Cleanup(func() { conn.Quit() })
	if err := conn.Login(c.Bank.FTP.User, c.Bank.FTP.Password); err != nil {
		t.Fatal(err)
	}
	return conn
}

func fetchFTP(c *ftp.ServerConn, path string, offset uint64) ([]byte, error) {
	r, err := c.RetrFrom(path, offset)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	return body, err
}

func TestFTP_PlainAndExplicitTLS(t *testing.T) {
	s, _ := start(t, nil)
	pay(t, s, PayRequest{Channel: Bank, MerchantRef: "B1", AmountMinor: 200, At: onDay(9, 0, 0), Product: "字帖「亅」"},
		PayRequest{Channel: Bank, MerchantRef: "B2", AmountMinor: 300, At: onDay(10, 0, 0)})
	merchant := s.Config().Bank.MerID
	path := "/20261012/" + merchant + "_20261012.txt"
	for name, withTLS := range map[string]bool{"plain": false, "explicit TLS": true} {
		c := dialFTP(t, s, withTLS)
		text := must(fetchFTP(c, path, 0))(t)
		if r := readBank(t, text, merchant, "20261012"); r.rows != 2 {
			t.Errorf("%s: %+v", name, r)
		}
		if size := must(c.FileSize(path))(t); size != int64(len(text)) {
			t.Errorf("%s: SIZE %d of %d", name, size, len(text))
		}
		if rest := must(fetchFTP(c, path, 20))(t); string(rest) != string(text[20:]) {
			t.Errorf("%s: REST gives other bytes", name)
		}
		if _, err := c.FileSize(path + ".ok"); err != nil {
			t.Errorf("%s: marker: %v", name, err)
		}
		if err := c.Delete(path); err == nil {
			t.Errorf("%s: the file was deleted", name)
		}
		if err := c.Stor("/20261012/x", strings.NewReader("x")); err == nil {
			t.Errorf("%s: a file was written", name)
		}
	}
}

func TestFTP_Faults(t *testing.T) {
	s, clock := start(t, nil)
	pay(t, s, PayRequest{Channel: Bank, MerchantRef: "B1", AmountMinor: 200, At: onDay(9, 0, 0)})
	merchant := s.Config().Bank.MerID
	path := "/20261012/" + merchant + "_20261012.txt"
	c := dialFTP(t, s, false)

	// Not ready twice; the looks of one try count once, whatever their order.
	s.Inject(FileFault{Channel: Bank, Date: billDay, Kind: NotReadyFirst, Times: 2})
	for try := range 2 {
		for _, name := range []string{path, path + ".md5", path} {
			if _, err := c.FileSize(name); err == nil {
				t.Errorf("try %d: %s is there", try, name)
			}
		}
		clock.set(clock.now().Add(10 * time.Minute))
	}
	whole := must(c.FileSize(path + ".md5"))(t)
	size := must(c.FileSize(path))(t)

	// A cut body ends cleanly: only the size tells.
	s.Inject(FileFault{Channel: Bank, Date: billDay, Kind: TruncatedBody, Times: 1})
	cut := must(fetchFTP(c, path, 0))(t)
	text := must(fetchFTP(c, path, 0))(t)
	if int64(len(cut)) != size/2 || int64(len(text)) != size {
		t.Errorf("%d then %d bytes of %d", len(cut), len(text), size)
	}

	s.Inject(FileFault{Channel: Bank, Date: billDay, Kind: BadDigest, Times: 1})
	wrong, right := must(fetchFTP(c, path+".md5", 0))(t), must(fetchFTP(c, path+".md5", 0))(t)
	digest := md5.Sum(text)
	if want := hex.EncodeToString(digest[:]); strings.HasPrefix(string(wrong), want) || !strings.HasPrefix(string(right), want) || int64(len(right)) != whole {
		t.Errorf("digests %q, %q; want %s the second time", wrong, right, want)
	}

	// A day without movements has a file with a header and a trailer.
	empty := must(fetchFTP(c, "/20261011/"+merchant+"_20261011.txt", 0))(t)
	if r := readBank(t, empty, merchant, "20261011"); r.rows != 0 {
		t.Errorf("%+v", r)
	}
}

func TestShelf_KeepsTheLastFileWhileItIsRight(t *testing.T) {
	s, _ := start(t, nil)
	for _, channel := range []string{UnionPay, Bank} {
		pay(t, s, PayRequest{Channel: channel, MerchantRef: "K1", AmountMinor: 100, At: onDay(9, 0, 0)})
		sh, day := shelf{s, channel}, s.BillDate(channel, onDay(9, 0, 0))
		first := must(sh.statement(day))(t)
		if again := must(sh.statement(day))(t); &again.body[0] != &first.body[0] {
			t.Errorf("%s: the same file was made twice", channel)
		}
		pay(t, s, PayRequest{Channel: channel, MerchantRef: "K2", AmountMinor: 100, At: onDay(9, 0, 1)})
		second := must(sh.statement(day))(t)
		if err := s.Republish(channel, day); err != nil {
			t.Fatal(err)
		}
		third := must(sh.statement(day))(t)
		if bytes.Equal(second.body, first.body) || !third.at.After(second.at) {
			t.Errorf("%s: a payment or a new issue did not show", channel)
		}
	}
}
