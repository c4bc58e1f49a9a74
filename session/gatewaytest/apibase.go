package gatewaytest

// APIBase is APIURL. With it, Client and DialContext, a Server is what shardmanager.WithGateway takes.
func (s *Server) APIBase() string { return s.APIURL }
