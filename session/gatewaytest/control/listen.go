package control

import (
	"errors"
	"fmt"
	"net"
)

// Listen listens on an address for the port. Without a token it takes only addresses that this machine alone reaches, such as
// 127.0.0.1:8081: the error says so.
func Listen(addr, token string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("control: %w: give a free address of this machine, such as 127.0.0.1:8081", err)
	}
	if err := reachable(l.Addr(), token); err != nil {
		return nil, fmt.Errorf("control: %s: %w", addr, errors.Join(err, l.Close()))
	}
	return l, nil
}

// reachable says what is wrong with an address that others can reach without a token.
func reachable(addr net.Addr, token string) error {
	tcp, is := addr.(*net.TCPAddr)
	if token != "" || is && tcp.IP.IsLoopback() {
		return nil
	}
	return errors.New("other machines could give orders there: set a token, or listen on 127.0.0.1")
}
