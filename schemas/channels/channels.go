package channels

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

//go:embed */channel.yaml
var folders embed.FS

// list names the folders of the channels that come with the program. Adding a
// channel is one folder and one line here.
var list = [...]string{
	"alipay",
	"bankdemo",
	"unionpay",
	"wechat",
}

// Names returns the names of the channels that come with the program, in the
// order of the list.
func Names() []string { return slices.Clone(list[:]) }

// All returns the definitions of the channels that come with the program, in
// the order of the list. Each call makes new ones.
func All() ([]*Definition, error) {
	defs := make([]*Definition, 0, len(list))
	for _, name := range list {
		d, err := Load(folders, path.Join(name, "channel.yaml"))
		if err != nil {
			return nil, err
		}
		if d.Name != name {
			return nil, fmt.Errorf("channel definition in the folder %q is named %q", name, d.Name)
		}
		defs = append(defs, d)
	}
	return defs, nil
}

// Load reads one definition from a file system, such as an operator's own.
func Load(files fs.FS, file string) (*Definition, error) {
	b, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, fmt.Errorf("channel definition: %w", err)
	}
	return Parse(file, b)
}
