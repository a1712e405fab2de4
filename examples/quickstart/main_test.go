package main

import (
	"context"
	"fmt"
)

func Example() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// lock: working on invoice 42
	// lock: invoice-42 is already locked!
	// once: sending the report
	// once: ran: true
	// pool: slots taken: 1
	// cached: asking the shop
	// cached: price: 1999
	// cached: price: 1999
}
