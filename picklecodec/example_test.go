package picklecodec_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/picklecodec"
)

type user struct {
	ID    int64    `pickle:"id"`
	Name  string   `pickle:"name"`
	Roles []string `pickle:"roles,omitempty"`
}

// A cached function that shares its results with Python. On a store that programs
// share, that is; this one is in memory.
func ExampleNew() {
	ctx := context.Background()
	c := cachify.Must(cachify.New(nil, nil))
	defer c.Close(ctx)

	getUser := cachify.Must(cachify.Cached(c, "user-{}", func(ctx context.Context, id int64) (user, error) {
		fmt.Println("asking the database")
		return user{ID: id, Name: "Ann"}, nil
	}, cachify.WithCodec(picklecodec.New()), cachify.TTL(5*time.Minute)))

	for range 2 {
		u, err := getUser.Call(ctx, 42)
		fmt.Println(u.Name, err)
	}
	// Output:
	// asking the database
	// Ann <nil>
	// Ann <nil>
}

// What Python has pickled, and what Python will read.
func ExampleCodec() {
	var codec picklecodec.Codec
	// pickle.dumps({'id': 42, 'name': 'Ann', 'roles': ['admin']})
	fromPython := "\x80\x04\x95+\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x02id\x94K*\x8c\x04name\x94\x8c\x03Ann\x94\x8c\x05roles\x94]\x94\x8c\x05admin\x94au."
	var u user
	err := codec.Decode([]byte(fromPython), &u)
	fmt.Println(u, err)

	data, err := codec.Encode(user{ID: 43, Name: "Bob"})
	fmt.Printf("%q %v\n", data, err)
	// Output:
	// {42 Ann [admin]} <nil>
	// "\x80\x04}(\x8c\x02idK+\x8c\x04name\x8c\x03Bobu." <nil>
}

// A type that Python cannot be given is refused when the function is wrapped.
func ExampleTypeError() {
	_, err := cachify.Cached(nil, "event-{}", func(context.Context, int) (struct{ When time.Time }, error) {
		return struct{ When time.Time }{}, nil
	}, cachify.WithCodec(picklecodec.New()))

	var te *picklecodec.TypeError
	if errors.As(err, &te) {
		fmt.Println(te.Type, "at", te.Path+":", te.Reason)
	}
	fmt.Println(errors.Is(err, cachify.ErrInvalid))
	// Output:
	// time.Time at .When: none of its fields is exported
	// true
}

// Numbers fit, or are refused.
func ExampleValueError() {
	err := picklecodec.New().Decode([]byte("\x80\x04M\x2c\x01."), new(int8))
	fmt.Println(err)
	fmt.Println(errors.As(err, new(*picklecodec.ValueError)))
	// Output:
	// pickle: Python's int 300 does not fit in a Go int8
	// true
}

// A pickle that would run something is refused at that point, and nothing is run.
func ExampleFormatError() {
	err := picklecodec.New().Decode([]byte("cos\nsystem\n(V echo hello\ntR."), new(any))
	var fe *picklecodec.FormatError
	fmt.Println(errors.As(err, &fe), errors.Is(err, picklecodec.ErrNotPlain))
	fmt.Println(fe.Offset, fe.Reason)
	// Output:
	// true true
	// 0 opcode 0x63: a class or function
}
