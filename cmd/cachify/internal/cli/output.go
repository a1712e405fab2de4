package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// maxKept is how much output is remembered, at most.
const maxKept = 64 << 20

// output is what a child wrote, in the order in which it was read, and its exit code.
type output struct {
	Code  int    `json:"code"`
	Parts []part `json:"parts,omitempty"`
}

// part is something that was written to one of the two streams.
type part struct {
	Stdout []byte `json:"stdout,omitempty"`
	Stderr []byte `json:"stderr,omitempty"`
}

// write writes all of it again.
func (o *output) write(stdout, stderr io.Writer) error {
	for _, p := range o.Parts {
		if _, err := stdout.Write(p.Stdout); err != nil {
			return err
		}
		if _, err := stderr.Write(p.Stderr); err != nil {
			return err
		}
	}
	return nil
}

// recorder reads what a child writes, hands it on and keeps it.
type recorder struct {
	stdout, stderr *stream
	readers        sync.WaitGroup

	mu   sync.Mutex
	kept output
	size int
	err  error // why the rest is missing: it could not be handed on
}

// stream is one of the two.
type stream struct {
	in, from *os.File
	to       io.Writer
	keep     func(part *part, data []byte)
}

// newRecorder returns a recorder that hands on to stdout and stderr.
func newRecorder(stdout, stderr io.Writer) (*recorder, error) {
	r := &recorder{}
	var err error
	r.stdout, err = newStream(stdout, func(p *part, data []byte) { p.Stdout = append(p.Stdout, data...) })
	if err != nil {
		return nil, err
	}
	r.stderr, err = newStream(stderr, func(p *part, data []byte) { p.Stderr = append(p.Stderr, data...) })
	if err != nil {
		return nil, errors.Join(err, r.stdout.in.Close(), r.stdout.from.Close())
	}
	for _, s := range []*stream{r.stdout, r.stderr} {
		r.readers.Go(func() { r.read(s) })
	}
	return r, nil
}

func newStream(to io.Writer, keep func(*part, []byte)) (*stream, error) {
	from, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &stream{in: in, from: from, to: to, keep: keep}, nil
}

// read reads until nobody can write any more. If nobody reads what it hands on, the
// child is to notice as if it wrote there itself.
func (r *recorder) read(s *stream) {
	defer func() { _ = s.from.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := s.from.Read(buf)
		if n > 0 && !r.take(s, buf[:n]) || err != nil {
			return
		}
	}
}

// take hands data on and keeps it, and reports whether there is use for more.
func (r *recorder) take(s *stream, data []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size += len(data)
	if r.size <= maxKept {
		if last := len(r.kept.Parts) - 1; last < 0 || r.isOther(s, &r.kept.Parts[last]) {
			r.kept.Parts = append(r.kept.Parts, part{})
		}
		s.keep(&r.kept.Parts[len(r.kept.Parts)-1], data)
	} else {
		r.kept.Parts = nil
	}
	_, err := s.to.Write(data)
	if err != nil && r.err == nil {
		r.err = err
	}
	return err == nil
}

// isOther reports whether p is of the other stream.
func (r *recorder) isOther(s *stream, p *part) bool {
	if s == r.stdout {
		return p.Stderr != nil
	}
	return p.Stdout != nil
}

// lastWords is how long a child's output is still read after a signal came: it may have
// written what it did about it.
const lastWords = 2 * time.Second

// finish waits until all that has the child's streams has closed them, as a shell
// does for $(...), or until stop. It returns what was written, and why that is not
// all, or nil: errTooLong, errCut, or why it could not be handed on.
func (r *recorder) finish(stop <-chan struct{}) (output, error) {
	_, _ = r.stdout.in.Close(), r.stderr.in.Close()
	read := make(chan struct{})
	go func() {
		r.readers.Wait()
		close(read)
	}()
	select {
	case <-read:
	case <-stop:
		select {
		case <-read:
		case <-time.After(lastWords):
			_, _ = r.stdout.from.Close(), r.stderr.from.Close()
			<-read
			return output{}, errCut
		}
	}
	switch {
	case r.size > maxKept:
		return output{}, errTooLong
	case r.err != nil:
		return output{}, r.err
	}
	return r.kept, nil
}

// Why an output is not to be remembered, though the caller got it.
var (
	errTooLong = fmt.Errorf("the output is too long to be remembered, more than %d MiB", maxKept>>20)
	errCut     = errors.New("a signal came before the end of the output")
)
