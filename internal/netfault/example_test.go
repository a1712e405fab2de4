package netfault_test

import (
	"bufio"
	"fmt"
	"net"

	"github.com/go-cachify/cachify/internal/netfault"
)

// The server does what it was asked, and the client never hears of it.
func ExampleProxy_DropReply() {
	server, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // an example
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()
	p, err := netfault.New(netfault.TCP("127.0.0.1:0"), netfault.TCP(server.Addr().String()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = p.Close() }()

	dropped := p.DropReply("pay")
	client, err := net.Dial("tcp", p.Addr().String()) //nolint:noctx // an example
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()
	_, _ = fmt.Fprintln(client, "pay 5")

	conn, err := server.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = conn.Close() }()
	request, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Print("the server was told: ", request)
	_, _ = fmt.Fprintln(conn, "paid")
	<-dropped
	_, err = bufio.NewReader(client).ReadString('\n')
	fmt.Println("the client heard:", err)
	// Output:
	// the server was told: pay 5
	// the client heard: EOF
}
