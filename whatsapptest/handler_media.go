package whatsapptest

type mediaJSON struct {
	To       string `json:"to" doc:"number, <lid>@lid, or a group's id"`
	Kind     string `json:"kind" doc:"image (default), video, audio or document"`
	Data     []byte `json:"data" doc:"the file; at most 12 MiB, as the body has a limit"`
	Caption  string `json:"caption" doc:"what a person reads with it"`
	Mimetype string `json:"mimetype" doc:"one that suits the kind if empty"`
	FileName string `json:"file_name" doc:"of a document"`
}

func sendMedia(c *call, body mediaJSON) (idJSON, error) {
	kind, err := pick[MediaKind]("kind", body.Kind, mediaNames)
	if err != nil {
		return idJSON{}, err
	}
	id, err := c.phone.SendMedia(c.ctx, Media{
		To: body.To, Kind: kind, Data: body.Data, Caption: body.Caption, Mimetype: body.Mimetype, FileName: body.FileName,
	})
	return idJSON{id}, err
}

func download(c *call, _ none) (stream, error) {
	m, err := c.phone.Download(c.r.PathValue("id"))
	if err != nil {
		return stream{}, err
	}
	c.w.Header().Set("Content-Type", m.Mimetype)
	c.w.Header().Set("Content-Security-Policy", "sandbox") // a client chose type and content
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = c.w.Write(m.Data) // the reader may be gone
	return stream{}, errAnswered
}
