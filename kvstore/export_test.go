package kvstore

// TestClients makes the clients that the tests of this package work on.
var TestClients = map[string]func() Client{}

func init() {
	for _, c := range clients {
		TestClients[c.name] = func() Client {
			client, _ := c.make()
			return client
		}
	}
}
