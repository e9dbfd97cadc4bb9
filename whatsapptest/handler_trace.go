package whatsapptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// nodeJSON is a stanza. A node has children or bytes, or neither.
type nodeJSON struct {
	Tag      string            `json:"tag"`
	Attrs    map[string]string `json:"attrs,omitempty" doc:"text; numbers too"`
	Children []json.RawMessage `json:"children,omitempty" doc:"nodes like this one"`
	Bytes    []byte            `json:"bytes,omitempty" doc:"base64; what the node has in place of children"`
}

type tracedJSON struct {
	At     time.Time `json:"at"`
	Device string    `json:"device" doc:"the client's JID; empty before it is linked"`
	From   string    `json:"from" doc:"client or server"`
	Node   nodeJSON  `json:"node" doc:"the stanza"`
}

func (t Traced) json() tracedJSON {
	return tracedJSON{t.At.UTC(), t.Device, name(t.Direction, []string{"client", "server"}), nodeToJSON(*t.Node)}
}

func nodeToJSON(n waBinary.Node) nodeJSON {
	j := nodeJSON{Tag: n.Tag, Attrs: make(map[string]string)}
	for key, value := range n.Attrs {
		j.Attrs[key] = fmt.Sprint(value)
	}
	switch content := n.Content.(type) {
	case []byte:
		j.Bytes = content
	case []waBinary.Node:
		for _, child := range content {
			raw, err := json.Marshal(nodeToJSON(child))
			if err == nil { // always: text and bytes
				j.Children = append(j.Children, raw)
			}
		}
	}
	return j
}

// node returns the stanza to send.
func (j nodeJSON) node() (waBinary.Node, error) {
	n := waBinary.Node{Tag: j.Tag, Attrs: make(waBinary.Attrs)}
	if j.Tag == "" {
		return n, errors.New("a node lacks its tag")
	}
	if len(j.Children) > 0 && len(j.Bytes) > 0 {
		return n, fmt.Errorf("node %s has children and bytes; it may have one of them", j.Tag)
	}
	for key, value := range j.Attrs {
		n.Attrs[key] = attribute(value)
	}
	if len(j.Bytes) > 0 {
		n.Content = j.Bytes
	}
	var children []waBinary.Node
	for _, raw := range j.Children {
		var child nodeJSON
		if err := json.Unmarshal(raw, &child); err != nil {
			return n, fmt.Errorf("child of %s: %w", j.Tag, err)
		}
		node, err := child.node()
		if err != nil {
			return n, err
		}
		children = append(children, node)
	}
	if children != nil {
		n.Content = children
	}
	return n, nil
}

// servers are the second parts of addresses, which have a form of their own on the wire.
var servers = []string{
	types.DefaultUserServer, types.HiddenUserServer, types.GroupServer, types.BroadcastServer, types.NewsletterServer,
	types.LegacyUserServer,
}

func attribute(value string) any {
	if _, server, ok := strings.Cut(value, "@"); ok && slices.Contains(servers, server) {
		if jid, err := types.ParseJID(value); err == nil {
			return jid
		}
	}
	if value == types.DefaultUserServer {
		return types.ServerJID
	}
	return value
}

func streamTrace(c *call, _ none) (stream, error) {
	traces := c.srv.Traces(c.ctx)
	flush := c.stream("application/x-ndjson")
	if flush() != nil {
		return stream{}, errAnswered // the reader is gone
	}
	lines := json.NewEncoder(c.w)
	for t := range traces {
		if lines.Encode(t.json()) != nil || flush() != nil {
			break // the reader is gone
		}
	}
	return stream{}, errAnswered
}
