package sftp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"tieout/internal/fault"
)

// HostKeys pins the keys that the server may show. At least one is needed; any
// one is enough, so that the next key can be pinned before it is switched to.
type HostKeys struct {
	// File is a known_hosts file as OpenSSH writes it; "" is none. Its entries
	// for the address count, hashed ones included.
	File string
	// Fingerprints as `ssh-keygen -lf` prints them: "SHA256:…", with the kind
	// of the key before it if it is known: "ssh-ed25519 SHA256:…".
	Fingerprints []string
}

// Kinds of host keys that are accepted, with the signature algorithms of each.
// RSA signs with SHA-2 only; DSA is not in the list.
var acceptedKinds = []struct {
	kind       string
	algorithms []string
}{
	{ssh.KeyAlgoED25519, []string{ssh.KeyAlgoED25519}},
	{ssh.KeyAlgoECDSA256, []string{ssh.KeyAlgoECDSA256}},
	{ssh.KeyAlgoECDSA384, []string{ssh.KeyAlgoECDSA384}},
	{ssh.KeyAlgoECDSA521, []string{ssh.KeyAlgoECDSA521}},
	{ssh.KeyAlgoRSA, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}},
}

// pin is one accepted key: its SHA256 fingerprint, and its kind if known.
type pin struct{ kind, fingerprint string }

type pins struct{ all []pin }

// otherKey is the fingerprint of a key that is not pinned.
type otherKey struct{ shown string }

func (o *otherKey) Error() string { return o.shown }

func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

func (p *pins) check(key ssh.PublicKey) error {
	shown := ssh.FingerprintSHA256(key)
	for _, pin := range p.all {
		if pin.fingerprint == shown && (pin.kind == "" || pin.kind == key.Type()) {
			return nil
		}
	}
	return &otherKey{describe(key)}
}

func (p *pins) String() string {
	var all []string
	for _, pin := range p.all {
		all = append(all, strings.TrimSpace(pin.kind+" "+pin.fingerprint))
	}
	return strings.Join(all, ", ")
}

// kinds lists the algorithms to ask for, one kind of key after the other: those
// of the pins, or all if a pin does not tell its kind.
func (p *pins) kinds() [][]string {
	any := slices.ContainsFunc(p.all, func(pin pin) bool { return pin.kind == "" })
	var kinds [][]string
	for _, a := range acceptedKinds {
		if any || slices.ContainsFunc(p.all, func(pin pin) bool { return pin.kind == a.kind }) {
			kinds = append(kinds, a.algorithms)
		}
	}
	return kinds
}

func (h HostKeys) load(addr string) (*pins, error) {
	p := &pins{}
	for _, text := range h.Fingerprints {
		one, err := parsePin(text)
		if err != nil {
			return nil, err
		}
		p.all = append(p.all, one)
	}
	if h.File != "" {
		known, err := fromFile(h.File, addr)
		if err != nil {
			return nil, err
		}
		p.all = append(p.all, known...)
	}
	if len(p.all) == 0 {
		return nil, errors.New("none is given")
	}
	if len(p.kinds()) == 0 {
		return nil, errors.New("none of the pinned keys is of an accepted kind (ed25519, ecdsa, rsa)")
	}
	return p, nil
}

func parsePin(text string) (pin, error) {
	kind, fingerprint, both := strings.Cut(strings.TrimSpace(text), " ")
	if !both {
		kind, fingerprint = "", kind
	}
	sum, ok := strings.CutPrefix(fingerprint, "SHA256:")
	if raw, err := base64.RawStdEncoding.DecodeString(sum); !ok || err != nil || len(raw) != 32 {
		return pin{}, fmt.Errorf("%s is not a fingerprint of the form SHA256:…", fault.Quote(text))
	}
	return pin{kind, fingerprint}, nil
}

// fromFile asks the known_hosts file which keys it holds for the address. The
// library tells them only in its answer to a key that it does not know.
func fromFile(file, addr string) ([]pin, error) {
	check, err := knownhosts.New(file)
	if err != nil {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	err = check(addr, noAddr{}, stranger{})
	var answer *knownhosts.KeyError
	if !errors.As(err, &answer) {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	var known []pin
	for _, key := range answer.Want {
		if err := check(addr, noAddr{}, key.Key); err != nil {
			continue // revoked in the same file
		}
		known = append(known, pin{key.Key.Type(), ssh.FingerprintSHA256(key.Key)})
	}
	if len(known) == 0 {
		host, _, _ := net.SplitHostPort(addr)
		return nil, fmt.Errorf("known_hosts: it holds no key for %s", fault.Safe(host, 100))
	}
	return known, nil
}

// stranger is a key that no file holds.
type stranger struct{}

func (stranger) Type() string                        { return "stranger" }
func (stranger) Marshal() []byte                     { return bytes.Repeat([]byte{0}, 4) }
func (stranger) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }

// noAddr stands for the remote address, which is not asked for: only the name
// that was configured decides.
type noAddr struct{}

func (noAddr) Network() string { return "tcp" }
func (noAddr) String() string  { return "0.0.0.0:0" }
