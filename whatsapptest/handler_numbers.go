package whatsapptest

import (
	"errors"
	"net/http"
	"time"
)

// numberRoutes are about numbers that hide, move, and are asked about.
func numberRoutes() []route {
	return []route{
		on("PUT /phones/{number}/username", "Gives the person a username, which hides the number from accounts that "+
			"have not seen it lately; an empty body takes it away.", "Phone.SetUsername Phone.Username",
			does(func(c *call, body usernameJSON) error {
				c.phone.SetUsername(body.Username)
				return nil
			})),
		on("PUT /phones/{number}/number", "Moves the person to another number. The old one is free.",
			"Phone.ChangeNumber", changeNumber),
		on("POST /phones/{number}/contacts", "Shares a phone's contact card, its own by default. To share a card that "+
			"lies, send any contactMessage.", "Phone.SendContact", sendContact).created(),
		on("GET /lookups", "Lists the questions about who has which numbers, oldest first.", "Server.Lookups",
			func(c *call, _ none) (lookupsJSON, error) {
				return lookupsJSON{list(c.srv.Lookups(), NumberLookup.json)}, nil
			}),
		on("PUT /phones/{number}/devices/{device}/lookups", "Refuses the client's next questions about who has a number.",
			"Device.RefuseLookups", does(func(c *call, body refusedJSON) error {
				c.device.RefuseLookups(body.Code, body.Times)
				return nil
			})),
	}
}

type usernameJSON struct {
	Username string `json:"username" doc:"empty for none"`
}

type numberJSON struct {
	Number string `json:"number" doc:"the new number, digits; required"`
}

func changeNumber(c *call, body numberJSON) (phoneJSON, error) {
	err := c.phone.ChangeNumber(body.Number)
	if errors.Is(err, errTaken) {
		return phoneJSON{}, failed(http.StatusConflict, "%w", err)
	}
	return c.phone.json(), err
}

type cardJSON struct {
	To    string `json:"to" doc:"number, <lid>@lid or a group's id; required"`
	About string `json:"about" doc:"the number of the phone whose card it is"`
}

func sendContact(c *call, body cardJSON) (idJSON, error) {
	about := c.phone
	if body.About != "" {
		var err error
		if about, err = c.phoneNamed(body.About); err != nil {
			return idJSON{}, err
		}
	}
	id, err := c.phone.SendContact(c.ctx, body.To, about)
	return idJSON{id}, err
}

type lookupsJSON struct {
	Lookups []lookupJSON `json:"lookups"`
}

type lookupJSON struct {
	Client  string    `json:"client" doc:"the number of the client that asked"`
	Numbers []string  `json:"numbers" doc:"asked about"`
	Code    int       `json:"code" doc:"the error that answered it, or 0"`
	At      time.Time `json:"at"`
}

func (l NumberLookup) json() lookupJSON { return lookupJSON{l.Client, l.Numbers, l.Code, l.At.UTC()} }

type refusedJSON struct {
	Code  int `json:"code" doc:"such as 429"`
	Times int `json:"times" doc:"how many; negative for all, 0 for none"`
}
