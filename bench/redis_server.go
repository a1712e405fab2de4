package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// redisServer is a Redis server of the benchmark's own, without persistence, on a
// free loopback port: TCP, since that is what most users have between themselves and
// their Redis. It ends with the benchmark, and also if the benchmark's process is
// killed. No other server is ever touched.
type redisServer struct {
	lab     *lab
	addr    string
	version string
	client  rueidis.Client  // to look at the server with
	clients map[string]bool // commands that only a client can send: scripts are refused them
}

func (l *lab) redis() *redisServer {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		l.fail("this needs a Redis server of its own: apt-get install redis-server")
	}
	dir := l.dir()
	port, err := (&net.ListenConfig{}).Listen(l.ctx, "tcp", "127.0.0.1:0")
	l.must(err)
	addr := port.Addr().(*net.TCPAddr)
	_ = port.Close()
	proc := exec.CommandContext(context.Background(), path, "--bind", "127.0.0.1", "--port", strconv.Itoa(addr.Port),
		"--dir", dir, "--save", "", "--appendonly", "no", "--logfile", filepath.Join(dir, "log"))
	l.must(proc.Start())
	// This kills the server when the benchmark's end of its input is closed, by whatever.
	guard := exec.CommandContext(context.Background(), "sh", "-c", `cat >/dev/null; kill -9 "$0"`, strconv.Itoa(proc.Process.Pid))
	_, err = guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	l.atEnd(func() {
		if guard.Process != nil { // first: it must not kill by a number that is free again
			_ = guard.Process.Kill()
			_ = guard.Wait()
		}
		_ = proc.Process.Kill()
		_ = proc.Wait()
	})
	l.must(err)
	s := &redisServer{lab: l, addr: addr.String()}
	s.wait(dir)
	s.look()
	return s
}

func (s *redisServer) wait(dir string) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		conn, err := (&net.Dialer{}).DialContext(s.lab.ctx, "tcp", s.addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			s.lab.fail("redis-server does not start: %v\n%s", err, log)
		}
	}
}

func (s *redisServer) look() {
	ctx := context.Background()
	client, err := rueidis.NewClient(s.option())
	s.lab.must(err)
	s.client = client
	s.lab.atEnd(client.Close)
	for line := range strings.Lines(s.info("server")) {
		if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
			s.version = strings.TrimSpace(v)
		}
	}
	all, err := client.Do(ctx, client.B().Command().Build()).ToArray()
	s.lab.must(err)
	// What connects and keeps connections alive no script here calls, marked or not.
	s.clients = map[string]bool{"ping": true, "client": true, "cluster": true, "script": true}
	for _, cmd := range all {
		if about, err := cmd.ToArray(); err == nil && len(about) > 2 {
			name, _ := about[0].ToString()
			flags, _ := about[2].AsStrSlice()
			for _, f := range flags {
				if f == "noscript" {
					s.clients[name] = true
				}
			}
		}
	}
	if !s.clients["evalsha"] || !s.clients["subscribe"] || s.clients["get"] {
		s.lab.fail("the server tells strange things of its commands: %v", s.clients)
	}
}

// option is how the peers that are built on rueidis connect: with its defaults.
func (s *redisServer) option() rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: []string{s.addr}, ForceSingleClient: true}
}

func (s *redisServer) url() string { return "redis://" + s.addr }

func (s *redisServer) info(section string) string {
	text, err := s.client.Do(context.Background(), s.client.B().Info().Section(section).Build()).ToString()
	s.lab.must(err)
	return text
}

// busy returns the processor time that the server has used.
func (s *redisServer) busy() time.Duration {
	sum := 0.0
	for line := range strings.Lines(s.info("cpu")) {
		name, seconds, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			x, err := strconv.ParseFloat(seconds, 64)
			if err != nil {
				s.lab.fail("cannot read %q: %v", line, err)
			}
			sum += x
		}
	}
	return time.Duration(sum * float64(time.Second))
}

// commands returns how many commands clients have sent so far, as the server counted
// them. INFO commandstats counts what scripts call as well. But most of what clients
// send a script cannot call (EVALSHA, SUBSCRIBE, CLIENT, …: the server marks them
// noscript), so those are counted; and of the others those in direct, which the
// peer's code sends itself and none of its scripts calls. TestCommandsAreCounted
// compares that with what MONITOR shows. INFO, which only this file sends, is left out.
func (s *redisServer) commands(direct ...string) int64 {
	sum := int64(0)
	for line := range strings.Lines(s.info("commandstats")) {
		rest, ok := strings.CutPrefix(line, "cmdstat_")
		if !ok {
			continue
		}
		name, stats, _ := strings.Cut(rest, ":")
		name, _, _ = strings.Cut(name, "|") // a subcommand
		counts := s.clients[name]
		for _, d := range direct {
			counts = counts || name == d
		}
		if !counts || name == "info" {
			continue
		}
		var calls int64
		if _, err := fmt.Sscanf(stats, "calls=%d,", &calls); err != nil {
			s.lab.fail("cannot read %q: %v", line, err)
		}
		sum += calls
	}
	return sum
}

// memory returns the bytes that the server's data takes.
func (s *redisServer) memory() float64 { return s.number("memory", "used_memory") }

// connections returns how many clients the server has.
func (s *redisServer) connections() float64 { return s.number("clients", "connected_clients") }

// number returns what INFO says of field.
func (s *redisServer) number(section, field string) float64 {
	for line := range strings.Lines(s.info(section)) {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			s.lab.must(err)
			return x
		}
	}
	s.lab.fail("INFO %s has no %s", section, field)
	return 0
}
