//go:build !race

package foreign

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// Baileys reads the caption of a picture and downloads it, and the person's phone downloads what Baileys uploads.
func TestFilesWithCaptions(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})
	c, _ := baileys(t, srv).link("shop", shop)

	id, err := alice.SendMedia(within(t), whatsapptest.Media{
		To: shop.Number(), Data: []byte("a picture"), Caption: "login X4K9MQ",
	})
	require.NoError(t, err)
	e := c.text("login X4K9MQ")
	require.Equal(t, id, e.ID)
	var downloaded string
	require.NoError(t, json.Unmarshal(c.do("download", args{"id": id}), &downloaded))
	data, err := base64.StdEncoding.DecodeString(downloaded)
	require.NoError(t, err)
	assert.Equal(t, "a picture", string(data))

	c.do("sendFile", args{
		"to": e.Chat, "data": base64.StdEncoding.EncodeToString([]byte("a form")), "caption": "please sign",
	})
	shown, err := alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "please sign", shown.Text)
	m, err := alice.Download(shown.ID)
	require.NoError(t, err)
	assert.Equal(t, whatsapptest.Media{
		Kind: whatsapptest.Document, Data: []byte("a form"), Caption: "please sign",
		Mimetype: "application/pdf", FileName: "a.pdf",
	}, m)
}
