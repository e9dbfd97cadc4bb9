//go:build !race

package whatsapptest_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr/whatsapptest"
)

// The client reads the caption, and downloads and opens what the phone sent.
func TestClientDownloadsWhatAPhoneSends(t *testing.T) {
	for name, tt := range map[string]struct {
		media whatsapptest.Media
		part  func(*waE2E.Message) whatsmeow.DownloadableMessage
	}{
		"image": {
			whatsapptest.Media{Caption: "a picture"},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetImageMessage() },
		},
		"video": {
			whatsapptest.Media{Kind: whatsapptest.Video, Caption: "a film"},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetVideoMessage() },
		},
		"audio": {
			whatsapptest.Media{Kind: whatsapptest.Audio},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetAudioMessage() },
		},
		"document with a caption": {
			whatsapptest.Media{Kind: whatsapptest.Document, Caption: "a form", FileName: "form.pdf"},
			func(m *waE2E.Message) whatsmeow.DownloadableMessage { return m.GetDocumentMessage() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{})
			tt.media.To, tt.media.Data = w.shop.Number(), bytes.Repeat([]byte(name), 1000)
			_, err := w.alice.SendMedia(within(t), tt.media)
			require.NoError(t, err)
			got := w.client.protocol(t, func(m *waE2E.Message) bool { return tt.part(m).GetDirectPath() != "" })
			data, err := w.client.Download(within(t), tt.part(got.Message))
			require.NoError(t, err)
			assert.Equal(t, tt.media.Data, data)
			assert.Empty(t, w.srv.UnknownRequests())
			if c, ok := tt.part(got.Message).(interface{ GetCaption() string }); ok {
				assert.Equal(t, tt.media.Caption, c.GetCaption())
			}
		})
	}
}

// What a client uploads can be read on the phone, and is refused if it is not what the message says.
func TestPhoneDownloadsWhatAClientSends(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	_, err := w.alice.Send(within(t), w.shop.Number(), "picture?")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	up, err := w.client.Upload(within(t), []byte("a picture"), whatsmeow.MediaImage)
	require.NoError(t, err)
	picture := &waE2E.ImageMessage{
		Caption: proto.String("here"), Mimetype: proto.String("image/png"), URL: &up.URL, DirectPath: &up.DirectPath,
		MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength,
	}
	sent, err := w.client.SendMessage(within(t), m.Info.Chat, &waE2E.Message{ImageMessage: picture})
	require.NoError(t, err)
	shown, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "here", shown.Text)
	got, err := w.alice.Download(sent.ID)
	require.NoError(t, err)
	want := whatsapptest.Media{Data: []byte("a picture"), Caption: "here", Mimetype: "image/png"}
	assert.Equal(t, want, got)

	for name, spoil := range map[string]func(*waE2E.ImageMessage){
		"key":   func(m *waE2E.ImageMessage) { m.MediaKey = bytes.Repeat([]byte{1}, 32) },
		"hash":  func(m *waE2E.ImageMessage) { m.FileSHA256 = bytes.Repeat([]byte{1}, 32) },
		"other": func(m *waE2E.ImageMessage) { m.FileEncSHA256 = bytes.Repeat([]byte{1}, 32) },
		"path":  func(m *waE2E.ImageMessage) { m.DirectPath = proto.String("/v/t62/none") },
	} {
		spoilt := proto.Clone(picture).(*waE2E.ImageMessage)
		spoil(spoilt)
		sent, err := w.client.SendMessage(within(t), m.Info.Chat, &waE2E.Message{ImageMessage: spoilt})
		require.NoError(t, err)
		_, err = w.alice.Next(within(t))
		require.NoError(t, err)
		_, err = w.alice.Download(sent.ID)
		require.Error(t, err, name)
	}
}

// Only linked clients upload, and only what they announce.
func TestUploadsAreChecked(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	web := srv.HTTPClient()
	base := strings.Replace(strings.TrimSuffix(srv.URL(), "/ws/chat"), "wss", "https", 1)
	token := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for path, status := range map[string]int{
		"/mms/image/" + token + "?auth=guess": http.StatusUnauthorized,
		"/mms/image/" + token:                 http.StatusUnauthorized,
	} {
		answer, err := web.Post(base+path, "application/octet-stream", strings.NewReader("file"))
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		assert.Equal(t, status, answer.StatusCode)
	}
	answer, err := web.Get(base + "/media/none")
	require.NoError(t, err)
	_ = answer.Body.Close()
	assert.Equal(t, http.StatusNotFound, answer.StatusCode)
	alice := srv.NewPhone(whatsapptest.PhoneConfig{})
	for name, m := range map[string]whatsapptest.Media{
		"nothing":            {To: alice.Number()},
		"too much":           {To: alice.Number(), Data: make([]byte, 16<<20+1)},
		"audio with caption": {To: alice.Number(), Data: []byte("x"), Kind: whatsapptest.Audio, Caption: "x"},
		"another kind":       {To: alice.Number(), Data: []byte("x"), Kind: 9},
	} {
		_, err := alice.SendMedia(within(t), m)
		require.Error(t, err, name)
	}
}
