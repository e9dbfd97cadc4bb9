package whatsapptest

import "net/http"

// Handler serves phones over HTTP.
func (s *Server) Handler() http.Handler { return http.NotFoundHandler() }
