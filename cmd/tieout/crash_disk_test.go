//go:build crashpoints

package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk is what lies under the database files of one folder. It knows what was
// synced; when its power fails, what was written since then is there, is gone,
// or is torn at the borders of its sectors, as chance has it. It costs no sync.
type disk struct {
	dir   string
	lying bool // it says that it synced, and did not

	mu    sync.Mutex
	rnd   *rand.Rand
	files map[string]*diskFile // by path
	left  int                  // writes and syncs until the power fails; 0: it does not
	dead  bool
}

// diskFile is one file of it.
type diskFile struct {
	synced  []byte
	pending []diskWrite // since then, in order
}

// diskWrite writes bytes at an offset, or with no bytes cuts the file there.
type diskWrite struct {
	at   int64
	data []byte
}

var errNoPower = errors.New("the disk has no power")

const sector = 512

// newDisk puts a disk under a folder.
func newDisk(t *testing.T, dir string, seed uint64) *disk {
	t.Helper()
	d := &disk{dir: dir, rnd: rand.New(rand.NewPCG(seed, 0x706f776572)), files: map[string]*diskFile{}}
	v := powerVFS()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.disks[dir] = d
	t.Cleanup(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.disks, dir)
	})
	return d
}

// failAfter lets the power fail at the n-th write or sync from now on.
func (d *disk) failAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

func (d *disk) failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// restore gives the power back: the files of the folder are what survived.
func (d *disk) restore() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, f := range d.files {
		body := f.survived(d.rnd)
		f.synced, f.pending = body, nil
		if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			return err
		}
	}
	d.left, d.dead = 0, false
	return nil
}

// survived is what a power failure leaves of a file: of the writes since the
// last sync none, all, or any, each whole or some of its sectors.
func (f *diskFile) survived(rnd *rand.Rand) []byte {
	body := append([]byte(nil), f.synced...)
	fate := rnd.IntN(4)
	for _, w := range f.pending {
		switch {
		case fate == 0 || fate > 1 && rnd.IntN(2) == 0:
			continue
		case fate > 2 && len(w.data) > sector:
			for at := 0; at < len(w.data); at += sector {
				if rnd.IntN(2) == 0 {
					body = (diskWrite{w.at + int64(at), w.data[at:min(at+sector, len(w.data))]}).apply(body)
				}
			}
		default:
			body = w.apply(body)
		}
	}
	return body
}

func (w diskWrite) apply(body []byte) []byte {
	end := w.at + int64(len(w.data))
	if grow := end - int64(len(body)); grow > 0 {
		body = append(body, make([]byte, grow)...)
	}
	if w.data == nil {
		return body[:w.at]
	}
	copy(body[w.at:], w.data)
	return body
}

// open takes a file under the disk's care.
func (d *disk) open(path string) (*diskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errNoPower
	}
	f := d.files[path]
	if f == nil {
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f = &diskFile{synced: body}
		d.files[path] = f
	}
	return f, nil
}

// write notes a write; the caller does it to the file.
func (d *disk) write(f *diskFile, w diskWrite) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errNoPower
	}
	f.pending = append(f.pending, w)
	return d.spend()
}

func (d *disk) sync(f *diskFile) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errNoPower
	}
	if err := d.spend(); err != nil || d.lying {
		return err
	}
	for _, w := range f.pending {
		f.synced = w.apply(f.synced)
	}
	f.pending = nil
	return nil
}

func (d *disk) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errNoPower
	}
	delete(d.files, path)
	return nil
}

// spend counts one operation. The caller holds mu.
func (d *disk) spend() error {
	if d.left--; d.left == 0 {
		d.dead = true
		return errNoPower
	}
	return nil
}

// vfs stands between SQLite and the operating system: files of a folder with a
// disk go through it, all others as ever. C calls it, so there is one for all.
type vfs struct {
	real *sqlite3.Tsqlite3_vfs
	own  *sqlite3.Tsqlite3_vfs

	mu      sync.Mutex
	disks   map[string]*disk                         // by folder
	methods map[uintptr]*sqlite3.Tsqlite3_io_methods // ours by theirs
	files   map[uintptr]*vfsFile
	keep    []any // what only C points at
}

// vfsFile is an open file of SQLite.
type vfsFile struct {
	disk  *disk
	of    *diskFile
	their *sqlite3.Tsqlite3_io_methods
}

var powerVFS = sync.OnceValue(newVFS)

func newVFS() *vfs {
	tls := libc.NewTLS()
	v := &vfs{disks: map[string]*disk{}, methods: map[uintptr]*sqlite3.Tsqlite3_io_methods{}, files: map[uintptr]*vfsFile{}}
	v.real = at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	name, err := libc.CString("power")
	if err != nil {
		panic(err)
	}
	own := *v.real
	own.FpNext, own.FzName = 0, name
	own.FxOpen = pointer(v, v.xOpen)
	own.FxDelete = pointer(v, v.xDelete)
	v.own = &own
	if rc := sqlite3.Xsqlite3_vfs_register(tls, address(v.own), 1); rc != sqlite3.SQLITE_OK {
		panic("sqlite3_vfs_register")
	}
	return v
}

// at is what lies at an address of C.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// pointer is a Go function as C has it; v keeps it alive.
func pointer[F any](v *vfs, f F) uintptr {
	v.keep = append(v.keep, f)
	return *(*uintptr)(unsafe.Pointer(&f))
}

// function is a function of C as Go has it.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

func (v *vfs) xOpen(tls *libc.TLS, _, path, file uintptr, flags int32, out uintptr) int32 {
	type open = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	rc := function[open](v.real.FxOpen)(tls, address(v.real), path, file, flags, out)
	if rc != sqlite3.SQLITE_OK || path == 0 {
		return rc
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	name := libc.GoString(path)
	d := v.disks[filepath.Dir(name)]
	if d == nil {
		return rc
	}
	their := at[sqlite3.Tsqlite3_file](file).FpMethods
	of, err := d.open(name)
	if err != nil {
		function[func(*libc.TLS, uintptr) int32](at[sqlite3.Tsqlite3_io_methods](their).FxClose)(tls, file)
		at[sqlite3.Tsqlite3_file](file).FpMethods = 0
		return sqlite3.SQLITE_CANTOPEN
	}
	v.files[file] = &vfsFile{disk: d, of: of, their: at[sqlite3.Tsqlite3_io_methods](their)}
	at[sqlite3.Tsqlite3_file](file).FpMethods = address(v.ours(their))
	return rc
}

// ours are the methods of a file that ask its disk first. The caller holds mu.
func (v *vfs) ours(their uintptr) *sqlite3.Tsqlite3_io_methods {
	if m := v.methods[their]; m != nil {
		return m
	}
	m := *at[sqlite3.Tsqlite3_io_methods](their)
	m.FxClose = pointer(v, v.xClose)
	m.FxWrite = pointer(v, v.xWrite)
	m.FxTruncate = pointer(v, v.xTruncate)
	m.FxSync = pointer(v, v.xSync)
	v.methods[their] = &m
	return &m
}

func (v *vfs) file(p uintptr) *vfsFile {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.files[p]
}

func (v *vfs) xDelete(tls *libc.TLS, _, path uintptr, sync int32) int32 {
	name := libc.GoString(path)
	v.mu.Lock()
	d := v.disks[filepath.Dir(name)]
	v.mu.Unlock()
	if d != nil && d.remove(name) != nil {
		return sqlite3.SQLITE_IOERR_DELETE
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32) int32](v.real.FxDelete)(tls, address(v.real), path, sync)
}

func (v *vfs) xClose(tls *libc.TLS, p uintptr) int32 {
	f := v.file(p)
	v.mu.Lock()
	delete(v.files, p)
	v.mu.Unlock()
	return function[func(*libc.TLS, uintptr) int32](f.their.FxClose)(tls, p)
}

func (v *vfs) xWrite(tls *libc.TLS, p, data uintptr, n int32, offset int64) int32 {
	f := v.file(p)
	w := diskWrite{offset, append([]byte{}, unsafe.Slice(at[byte](data), n)...)}
	if f.disk.write(f.of, w) != nil {
		return sqlite3.SQLITE_IOERR_WRITE
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.their.FxWrite)(tls, p, data, n, offset)
}

func (v *vfs) xTruncate(tls *libc.TLS, p uintptr, size int64) int32 {
	f := v.file(p)
	if f.disk.write(f.of, diskWrite{at: size}) != nil {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	return function[func(*libc.TLS, uintptr, int64) int32](f.their.FxTruncate)(tls, p, size)
}

func (v *vfs) xSync(_ *libc.TLS, p uintptr, _ int32) int32 {
	if f := v.file(p); f.disk.sync(f.of) != nil {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	return sqlite3.SQLITE_OK
}
