package whatsapptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request to Handler.
const maxBody = 64 << 10

// Handler serves phones over HTTP, for a page that shows them. Paths are relative to where it is
// mounted (http.StripPrefix). Bodies are JSON; errors are {"error":"…"}.
//
//	POST   /phones                              {"number","lid","name","addressing"}, all optional → 201 PHONE
//	GET    /phones                              {"phones":[PHONE…]}
//	GET    /phones/{number}                     PHONE
//	POST   /phones/{number}/scan                {"qr"} links the client that shows it → {"device":1}
//	POST   /phones/{number}/code                {"code"} likewise by pairing code
//	DELETE /phones/{number}/devices/{device}    unlinks → 204
//	POST   /phones/{number}/messages            {"to","text","id"}, id optional → 201 {"id"}
//	GET    /phones/{number}/messages            {"messages":[MESSAGE…]}, oldest first
//	GET    /phones/{number}/events              the same as server-sent events, then each as it comes
//
// PHONE is {"number","lid","name","devices":[1,…]}; addressing is "number" (default), "lid" or
// "hidden". MESSAGE is {"id","from","group","text","at"}. An event's id is its position, so
// that a browser that reconnects misses nothing.
//
// There is no authentication: any client can act as any phone. State-changing requests
// of other web pages are refused. Streams end with the server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(http.ResponseWriter, *http.Request, *Phone) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			p, ok := s.Phone(r.PathValue("number"))
			if !ok {
				writeError(w, http.StatusNotFound, errors.New("no such phone"))
				return
			}
			if err := serve(w, r, p); err != nil {
				writeError(w, http.StatusUnprocessableEntity, err)
			}
		})
	}
	mux.HandleFunc("POST /phones", s.servePhones)
	mux.HandleFunc("GET /phones", func(w http.ResponseWriter, _ *http.Request) {
		phones := s.Phones()
		list := make([]phoneJSON, 0, len(phones))
		for _, p := range phones {
			list = append(list, p.json())
		}
		writeJSON(w, http.StatusOK, map[string]any{"phones": list})
	})
	handle("GET /phones/{number}", func(w http.ResponseWriter, _ *http.Request, p *Phone) error {
		writeJSON(w, http.StatusOK, p.json())
		return nil
	})
	handle("POST /phones/{number}/scan", serveLink)
	handle("POST /phones/{number}/code", serveLink)
	handle("DELETE /phones/{number}/devices/{device}", serveUnlink)
	handle("POST /phones/{number}/messages", serveSend)
	handle("GET /phones/{number}/messages", func(w http.ResponseWriter, _ *http.Request, p *Phone) error {
		messages := p.Messages()
		list := make([]messageJSON, 0, len(messages))
		for _, m := range messages {
			list = append(list, m.json())
		}
		writeJSON(w, http.StatusOK, map[string]any{"messages": list})
		return nil
	})
	handle("GET /phones/{number}/events", s.serveEvents)
	return http.NewCrossOriginProtection().Handler(mux)
}

type phoneJSON struct {
	Number  string `json:"number"`
	LID     string `json:"lid"`
	Name    string `json:"name"`
	Devices []int  `json:"devices"`
}

func (p *Phone) json() phoneJSON {
	j := phoneJSON{Number: p.Number(), LID: p.LID(), Name: p.Name(), Devices: []int{}}
	for _, d := range p.Devices() {
		j.Devices = append(j.Devices, d.Number())
	}
	return j
}

type messageJSON struct {
	ID    string    `json:"id"`
	From  string    `json:"from"`
	Group string    `json:"group,omitempty"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

func (m Message) json() messageJSON { return messageJSON{m.ID, m.From, m.Group, m.Text, m.At.UTC()} }

func (s *Server) servePhones(w http.ResponseWriter, r *http.Request) {
	var body struct{ Number, LID, Name, Addressing string }
	if err := readJSON(w, r, &body); err != nil {
		writeError(w, http.StatusUnprocessableEntity, err)
		return
	}
	c := PhoneConfig{Number: body.Number, LID: body.LID, Name: body.Name}
	switch body.Addressing {
	case "", "number":
	case "lid":
		c.Addressing = LIDFirst
	case "hidden":
		c.Addressing = LIDOnly
	default:
		writeError(w, http.StatusUnprocessableEntity, errors.New(`addressing must be "number", "lid" or "hidden"`))
		return
	}
	p, err := s.AddPhone(c)
	if err != nil {
		writeError(w, http.StatusConflict, err)
		return
	}
	writeJSON(w, http.StatusCreated, p.json())
}

func serveLink(w http.ResponseWriter, r *http.Request, p *Phone) error {
	var body struct{ QR, Code string }
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	var d *Device
	var err error
	if strings.HasSuffix(r.URL.Path, "/scan") {
		d, err = p.Scan(ctx, body.QR)
	} else {
		d, err = p.EnterCode(ctx, body.Code)
	}
	if err == nil {
		writeJSON(w, http.StatusOK, map[string]any{"device": d.Number()})
	}
	return err
}

func serveUnlink(w http.ResponseWriter, r *http.Request, p *Phone) error {
	number, err := strconv.Atoi(r.PathValue("device"))
	if err != nil {
		return errNotLinked
	}
	d := p.Device(number)
	if d == nil || d.removed.Load() {
		return errNotLinked
	}
	d.Remove()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func serveSend(w http.ResponseWriter, r *http.Request, p *Phone) error {
	var body struct{ To, Text, ID string }
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Text == "" {
		return errors.New("text is missing")
	}
	id, err := p.SendMessage(r.Context(), Outgoing{To: body.To, Text: body.Text, ID: body.ID})
	if err == nil {
		writeJSON(w, http.StatusCreated, map[string]any{"id": id})
	}
	return err
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request, p *Phone) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	position, _ := strconv.Atoi(r.Header.Get("Last-Event-ID")) // without one, from the beginning
	position = max(0, position)
	stream := http.NewResponseController(w)
	_ = stream.SetWriteDeadline(time.Time{}) // a server may have a deadline; a stream has none
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	for {
		if err := stream.Flush(); err != nil {
			return nil // the reader is gone
		}
		more, err := p.after(ctx, position)
		if err != nil {
			return nil // reader or server is gone
		}
		for _, m := range more {
			position++
			data, err := json.Marshal(m.json())
			if err != nil {
				return nil // impossible: strings and a time
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: message\ndata: %s\n\n", position, data); err != nil {
				return nil // the reader is gone
			}
		}
	}
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if r.ContentLength == 0 {
		return nil // all fields absent
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errors.New("body must be application/json")
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		return errors.New("body is not the JSON that is expected")
	}
	return nil
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]any{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the reader may be gone
}
