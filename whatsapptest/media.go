package whatsapptest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// MediaKind is what a file is sent as.
type MediaKind int

const (
	// Image is a picture.
	Image MediaKind = iota
	// Video is a film.
	Video
	// Audio is a sound, such as a voice message. It has no caption.
	Audio
	// Document is any other file.
	Document
)

// mediaKinds are the labels from which their keys are derived (whatsmeow download.go), and their usual types.
var mediaKinds = []struct{ keys, mimetype string }{
	{"WhatsApp Image Keys", "image/jpeg"},
	{"WhatsApp Video Keys", "video/mp4"},
	{"WhatsApp Audio Keys", "audio/ogg; codecs=opus"},
	{"WhatsApp Document Keys", "application/pdf"},
}

// Media is a file with a caption.
type Media struct {
	// To is as in Outgoing.
	To string
	// Kind is what it is sent as.
	Kind MediaKind
	// Data is the file, at most 16 MiB.
	Data []byte
	// Caption is what a person reads with it. Audio has none.
	Caption string
	// Mimetype defaults to JPEG, MP4, Opus or PDF, by Kind.
	Mimetype string
	// FileName is a document's name.
	FileName string
}

// maxMedia bounds a file, and keptMedia all files of a server.
const (
	maxMedia  = 16 << 20
	keptMedia = 256 << 20
)

// mediaStore has the encrypted files that phones and clients have uploaded. The oldest go when they
// are too many. No state file keeps them.
type mediaStore struct {
	mu    sync.Mutex
	files map[string][]byte // by the hash of the encrypted file, in hex
	order []string
	size  int
}

func (s *mediaStore) put(file []byte) (name string) {
	sum := sha256.Sum256(file)
	name = hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[string][]byte)
	}
	if s.files[name] != nil {
		return name
	}
	s.files[name], s.order, s.size = file, append(s.order, name), s.size+len(file)
	for s.size > keptMedia {
		s.size -= len(s.files[s.order[0]])
		delete(s.files, s.order[0])
		s.order = s.order[1:]
	}
	return name
}

func (s *mediaStore) get(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name]
}

// mediaPath returns where clients find a file, without the server. They append "&hash=…".
func mediaPath(name string) string { return "/media/" + name + "?ccb=11-4" }

// mediaName is the reverse of mediaPath, or "".
func mediaName(path string) string {
	path, _, _ = strings.Cut(path, "?")
	name, ok := strings.CutPrefix(path, "/media/")
	if !ok {
		return ""
	}
	return name
}

func (s *Server) mediaURL(name string) string {
	return "https://" + s.listener.Addr().String() + mediaPath(name)
}

// mediaConn tells a client where files are, and with what they are uploaded (whatsmeow mediaconn.go).
func (d *Device) mediaConn() waBinary.Node {
	return waBinary.Node{
		Tag:   "media_conn",
		Attrs: waBinary.Attrs{"auth": d.srv.mediaAuth(), "ttl": 300, "auth_ttl": 21600, "max_buckets": 12, "id": 1},
		Content: []waBinary.Node{
			{Tag: "host", Attrs: waBinary.Attrs{"hostname": d.srv.listener.Addr().String(), "maxContentLengthBytes": maxMedia}},
		},
	}
}

// mediaAuth is what only linked clients get to know.
func (s *Server) mediaAuth() string {
	mac := hmac.New(sha256.New, s.keys.noise.static.Priv[:])
	mac.Write([]byte("media"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *Server) serveMedia(w http.ResponseWriter, r *http.Request) {
	file := s.media.get(r.PathValue("name"))
	if file == nil {
		http.Error(w, "no such file, or it was too long ago", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
}

// takeMedia stores a file that a client uploads (whatsmeow upload.go, rawUpload). Its token is the hash
// of the encrypted file.
func (s *Server) takeMedia(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(s.mediaAuth()), []byte(r.URL.Query().Get("auth"))) == 0 {
		http.Error(w, "auth is not that of media_conn", http.StatusUnauthorized)
		return
	}
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMedia+1024))
	if err != nil {
		http.Error(w, tooLarge(err).Error(), http.StatusRequestEntityTooLarge)
		return
	}
	sum := sha256.Sum256(file)
	if token := strings.TrimRight(r.PathValue("token"), "="); token != base64.RawURLEncoding.EncodeToString(sum[:]) {
		http.Error(w, "token is not the hash of the file", http.StatusBadRequest)
		return
	}
	name := s.media.put(file)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{ // the client may be gone
		"url": s.mediaURL(name), "direct_path": mediaPath(name), "object_id": name, "handle": name,
	})
}

// SendMedia sends a file and returns the message's id. Clients download it from this server.
func (p *Phone) SendMedia(ctx context.Context, m Media) (id string, err error) {
	if len(m.Data) == 0 || len(m.Data) > maxMedia {
		return "", fmt.Errorf("a file must have 1 to %d bytes, not %d", maxMedia, len(m.Data))
	}
	if m.Kind < Image || m.Kind > Document {
		return "", errors.New("unknown kind of media")
	}
	if m.Kind == Audio && m.Caption != "" {
		return "", errors.New("audio has no caption")
	}
	if m.Mimetype == "" {
		m.Mimetype = mediaKinds[m.Kind].mimetype
	}
	key := randomBytes(32)
	file, err := sealMedia(key, m.Kind, m.Data)
	if err != nil {
		return "", err
	}
	if !p.Online() {
		return "", errOffline
	}
	return p.SendMessage(ctx, Outgoing{To: m.To, Message: p.srv.mediaMessage(m, key, file)})
}

func (s *Server) mediaMessage(m Media, key, file []byte) *waE2E.Message {
	name := s.media.put(file)
	plainHash, fileHash := sha256.Sum256(m.Data), sha256.Sum256(file)
	url, path, length, at := proto.String(s.mediaURL(name)), proto.String(mediaPath(name)),
		proto.Uint64(uint64(len(m.Data))), proto.Int64(s.now().Unix())
	var caption *string
	if m.Caption != "" {
		caption = &m.Caption
	}
	switch m.Kind {
	case Video:
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{
			URL: url, DirectPath: path, MediaKey: key, MediaKeyTimestamp: at, FileLength: length, Mimetype: &m.Mimetype,
			FileSHA256: plainHash[:], FileEncSHA256: fileHash[:], Caption: caption,
		}}
	case Audio:
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{
			URL: url, DirectPath: path, MediaKey: key, MediaKeyTimestamp: at, FileLength: length, Mimetype: &m.Mimetype,
			FileSHA256: plainHash[:], FileEncSHA256: fileHash[:],
		}}
	case Document:
		document := &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			URL: url, DirectPath: path, MediaKey: key, MediaKeyTimestamp: at, FileLength: length, Mimetype: &m.Mimetype,
			FileSHA256: plainHash[:], FileEncSHA256: fileHash[:], Caption: caption, FileName: &m.FileName,
		}}
		if caption == nil {
			return document
		}
		return &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: document}}
	default:
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
			URL: url, DirectPath: path, MediaKey: key, MediaKeyTimestamp: at, FileLength: length, Mimetype: &m.Mimetype,
			FileSHA256: plainHash[:], FileEncSHA256: fileHash[:], Caption: caption,
		}}
	}
}

// Download returns the file of the message with that id, which a client uploaded and the phone has
// shown. It fails if the file is not what the message says, as it does on a person's phone.
func (p *Phone) Download(id string) (Media, error) {
	shown, ok := p.shownWith(id)
	if !ok {
		return Media{}, errNoMessage
	}
	m, part := mediaOf(shown.Full)
	if part == nil {
		return Media{}, errors.New("message with this id has no file")
	}
	file := p.srv.media.get(mediaName(part.GetDirectPath()))
	if file == nil {
		return Media{}, errors.New("the file is not on this server")
	}
	sum := sha256.Sum256(file)
	if !bytes.Equal(sum[:], part.GetFileEncSHA256()) {
		return Media{}, errors.New("the encrypted file has another hash than the message says")
	}
	var err error
	if m.Data, err = openMedia(part.GetMediaKey(), m.Kind, file); err != nil {
		return Media{}, err
	}
	if sum := sha256.Sum256(m.Data); !bytes.Equal(sum[:], part.GetFileSHA256()) {
		return Media{}, errors.New("the file has another hash than the message says")
	}
	return m, nil
}

// mediaPart is what all messages with a file have.
type mediaPart interface {
	GetDirectPath() string
	GetMediaKey() []byte
	GetFileSHA256() []byte
	GetFileEncSHA256() []byte
	GetMimetype() string
}

func mediaOf(m *waE2E.Message) (Media, mediaPart) {
	caption := textOf(m)
	switch m = unwrap(m); {
	case m.GetImageMessage() != nil:
		return Media{Kind: Image, Caption: caption, Mimetype: m.GetImageMessage().GetMimetype()}, m.GetImageMessage()
	case m.GetVideoMessage() != nil:
		return Media{Kind: Video, Caption: caption, Mimetype: m.GetVideoMessage().GetMimetype()}, m.GetVideoMessage()
	case m.GetAudioMessage() != nil:
		return Media{Kind: Audio, Mimetype: m.GetAudioMessage().GetMimetype()}, m.GetAudioMessage()
	case m.GetDocumentMessage() != nil:
		d := m.GetDocumentMessage()
		return Media{Kind: Document, Caption: caption, Mimetype: d.GetMimetype(), FileName: d.GetFileName()}, d
	}
	return Media{}, nil
}

// sealMedia encrypts a file as clients do: AES-CBC, then ten bytes of an HMAC (whatsmeow upload.go).
func sealMedia(key []byte, kind MediaKind, plain []byte) ([]byte, error) {
	keys := hkdfutil.SHA256(key, nil, []byte(mediaKinds[kind].keys), 112)
	file, err := cbcutil.Encrypt(keys[16:48], keys[:16], plain)
	if err != nil {
		return nil, err
	}
	return append(file, mediaMAC(keys, file)...), nil
}

func openMedia(key []byte, kind MediaKind, file []byte) ([]byte, error) {
	keys := hkdfutil.SHA256(key, nil, []byte(mediaKinds[kind].keys), 112)
	end := len(file) - 10
	if end < 16 || !hmac.Equal(mediaMAC(keys, file[:end]), file[end:]) {
		return nil, errors.New("the file is damaged, or its key is wrong")
	}
	return cbcutil.Decrypt(keys[16:48], keys[:16], bytes.Clone(file[:end]))
}

func mediaMAC(keys, ciphertext []byte) []byte {
	mac := hmac.New(sha256.New, keys[48:80])
	mac.Write(keys[:16])
	mac.Write(ciphertext)
	return mac.Sum(nil)[:10]
}
