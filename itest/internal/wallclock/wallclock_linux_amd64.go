package wallclock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// code is the clock's function: int clock_gettime(clockid_t, struct timespec *).
var code = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov  $SYS_clock_gettime, %eax
	0x0f, 0x05, //                   syscall
	0x85, 0xff, //                   test %edi, %edi: is it CLOCK_REALTIME?
	0x75, 0x0a, //                   jne  the end
	0x48, 0x8b, 0x0d, 0x2e, 0, 0, 0, // mov the shift, %rcx
	0x48, 0x01, 0x0e, //             add  %rcx, (%rsi): the seconds
	0xc3, //                         ret
}

// shiftAt is where the shift is, behind the code.
const shiftAt = 64

func store(p *int64, n int64) { atomic.StoreInt64(p, n) }

// New puts the clock of this process into our hands; it is right until [Clock.Shift].
// Calls after the first one return the same Clock. The error wraps [ErrUnsupported].
func New() (*Clock, error) { return once() }

var once = sync.OnceValues(func() (*Clock, error) {
	c, err := hook()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return c, nil
})

func hook() (*Clock, error) {
	function, err := vdsoFunction("__vdso_clock_gettime")
	if err != nil {
		return nil, err
	}
	variable, err := variableOf(function)
	if err != nil {
		return nil, err
	}
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	copy(page, code)
	atomic.StoreUintptr(*(**uintptr)(unsafe.Pointer(&variable)), uintptr(unsafe.Pointer(&page[0])))
	return &Clock{shift: (*int64)(unsafe.Pointer(&page[shiftAt]))}, nil
}

// check sees whether the shift has the effect that it should have.
func (c *Clock) check() error {
	defer c.Shift(0)
	for _, d := range []time.Duration{time.Hour, -time.Hour, 0} {
		c.Shift(d)
		var right unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_REALTIME, &right); err != nil {
			return err
		}
		off := time.Unix(0, time.Now().UnixNano()).Sub(time.Unix(0, right.Nano()))
		if (off - d).Abs() > time.Minute {
			return fmt.Errorf("a shift by %v makes it %v", d, off)
		}
	}
	return nil
}

// vdsoFunction returns the address of a function that the kernel has mapped.
func vdsoFunction(name string) (uintptr, error) {
	base, err := vdsoBase()
	if err != nil {
		return 0, err
	}
	image, err := readMemory(base, 2*os.Getpagesize())
	if err != nil {
		return 0, err
	}
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == name {
			return base + uintptr(s.Value), nil
		}
	}
	return 0, fmt.Errorf("the vDSO has no %s", name)
}

func vdsoBase() (uintptr, error) {
	const sysinfoEhdr = 33 // AT_SYSINFO_EHDR
	auxv, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return 0, err
	}
	for ; len(auxv) >= 16; auxv = auxv[16:] {
		if binary.NativeEndian.Uint64(auxv) == sysinfoEhdr {
			return uintptr(binary.NativeEndian.Uint64(auxv[8:])), nil
		}
	}
	return 0, errors.New("there is no vDSO")
}

// variableOf finds the one variable of the program that has this value.
func variableOf(value uintptr) (uintptr, error) {
	ranges, err := variables()
	if err != nil {
		return 0, err
	}
	want := binary.NativeEndian.AppendUint64(nil, uint64(value))
	var found []uintptr
	for _, r := range ranges {
		memory, err := readMemory(r.from, int(r.to-r.from))
		if err != nil {
			return 0, err
		}
		for at := 0; ; at += len(want) {
			i := bytes.Index(memory[at:], want)
			if i < 0 {
				break
			}
			if at += i; at%len(want) == 0 {
				found = append(found, r.from+uintptr(at))
			}
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d variables have the address of the clock's function", len(found))
	}
	return found[0], nil
}

type addresses struct{ from, to uintptr }

// variables are the parts of the memory in which the program's variables are: what can
// be written of its file, and what follows at once and has no name.
func variables() ([]addresses, error) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	var all []addresses
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		var a addresses
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &a.from, &a.to); err != nil {
			return nil, err
		}
		ours := strings.HasSuffix(strings.TrimSpace(line), exe) ||
			len(fields) == 5 && len(all) > 0 && all[len(all)-1].to == a.from
		if ours && fields[1] == "rw-p" {
			all = append(all, a)
		}
	}
	return all, nil
}

func readMemory(at uintptr, n int) ([]byte, error) {
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, int64(at)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf, nil
}
