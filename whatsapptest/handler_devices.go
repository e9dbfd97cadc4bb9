package whatsapptest

import (
	"context"
	"errors"
	"time"
)

// deviceRoutes are faults of linked clients, and what happens to them.
func deviceRoutes() []route {
	const device = "/phones/{number}/devices/{device}"
	return []route{
		on("GET /phones/{number}/devices", "Lists the clients that are linked to the phone.", "Phone.Devices",
			func(c *call, _ none) (devicesJSON, error) { return devicesJSON{c.phone.devicesJSON()}, nil }),
		on("GET "+device, "Returns a linked client.",
			"Phone.Device Device.Number Device.Phone Device.JID Device.Online Device.Logins Device.Queued",
			func(c *call, _ none) (deviceJSON, error) { return c.device.json(), nil }),
		on("POST "+device+"/wait", "Waits for a state of the client.",
			"Device.WaitOnline Device.WaitOffline Device.WaitLogins Device.WaitQueueEmpty", waitDevice),
		on("DELETE "+device, "Unlinks the client, as from the phone's list of linked devices.", "Device.Remove",
			acts(func(c *call) { c.device.Remove() })),
		on("POST "+device+"/drop", "Cuts the connection without notice.", "Device.Drop",
			acts(func(c *call) { c.device.Drop() })),
		on("POST "+device+"/stream-error", "Ends the connection with a stream error.", "Device.StreamError",
			does(func(c *call, body streamErrorJSON) error {
				if body.Code == 0 {
					return errors.New("code is missing; 503 makes most clients come back")
				}
				c.device.StreamError(body.Code)
				return nil
			})),
		on("POST "+device+"/replace", "Tells the client that another one has replaced it.", "Device.Replace",
			acts(func(c *call) { c.device.Replace() })),
		on("PUT "+device+"/login-failure", "Makes the next logins fail; an empty body ends it.", "Device.FailLogins",
			does(failLogins)),
		on("PUT "+device+"/silence", "Makes the connection dead without closing it, and later ones too.",
			"Device.Silence", does(func(c *call, body switchJSON) error {
				c.device.Silence(body.On)
				return nil
			})),
		on("PUT "+device+"/acks", "Sets how the client's messages are answered; an empty body restores the server's rule.",
			"Device.Acks", does(func(c *call, body ackRuleJSON) error {
				c.device.Acks(body.rule())
				return nil
			})),
		on("PUT "+device+"/latency", "Puts the client so much further away than the server is.", "Device.SetLatency",
			does(func(c *call, body latencyJSON) error {
				c.device.SetLatency(milliseconds(body.OneWayMS))
				return nil
			})),
		on("PUT "+device+"/garble", "Makes the next messages from other linked clients unreadable.", "Device.Garble",
			does(func(c *call, body timesJSON) error {
				c.device.Garble(body.Times)
				return nil
			})),
		on("POST "+device+"/history", "Tells the client, as its phone does after linking, what a person wrote before.",
			"Device.History", does(func(c *call, body historyJSON) error {
				from, err := c.phoneNamed(body.From)
				if err != nil {
					return err
				}
				return c.device.History(from, body.Texts...)
			})),
		on("POST "+device+"/stanzas", "Sends a stanza to the client as it is. Attributes that look like addresses "+
			"(user@s.whatsapp.net, lid, g.us, …) are sent as such.", "Device.Send",
			does(func(c *call, body nodeJSON) error {
				n, err := body.node()
				if err != nil {
					return err
				}
				return c.device.Send(n)
			})),
		on("POST "+device+"/newsletter", "Delivers a channel's message.", "Device.Newsletter",
			does(func(c *call, body textJSON) error { return c.device.Newsletter(body.Text) })),
	}
}

type devicesJSON struct {
	Devices []deviceJSON `json:"devices"`
}

type waitDeviceJSON struct {
	Until  string `json:"until" doc:"online (default), offline, logins or queue-empty"`
	Logins int    `json:"logins" doc:"for logins: how many in all"`
	timeoutJSON
}

func waitDevice(c *call, body waitDeviceJSON) (deviceJSON, error) {
	ctx, cancel, err := c.within(body.TimeoutSeconds)
	if err != nil {
		return deviceJSON{}, err
	}
	defer cancel()
	until := map[string]func(context.Context) error{
		"": c.device.WaitOnline, "online": c.device.WaitOnline, "offline": c.device.WaitOffline,
		"queue-empty": c.device.WaitQueueEmpty,
		"logins":      func(ctx context.Context) error { return c.device.WaitLogins(ctx, body.Logins) },
	}[body.Until]
	if until == nil {
		return deviceJSON{}, errors.New("until must be online, offline, logins or queue-empty")
	}
	if err := until(ctx); err != nil {
		return deviceJSON{}, waited(err)
	}
	return c.device.json(), nil
}

type streamErrorJSON struct {
	Code int `json:"code" doc:"such as 503"`
}

type loginFailureJSON struct {
	Reason        int     `json:"reason" doc:"401 logged out, 402 banned for a time, 403 locked, 405 outdated, 406 banned, 503 again"`
	Code          int     `json:"code" doc:"for 402: why"`
	ExpireSeconds float64 `json:"expire_seconds" doc:"for 402: how long"`
	Times         int     `json:"times" doc:"how many logins; 0 for all"`
}

func failLogins(c *call, body loginFailureJSON) error {
	c.device.FailLogins(LoginFailure{
		Reason: body.Reason, Code: body.Code, Times: body.Times,
		Expire: time.Duration(body.ExpireSeconds * float64(time.Second)),
	})
	return nil
}

type switchJSON struct {
	On bool `json:"on" doc:"false ends it"`
}

type timesJSON struct {
	Times int `json:"times" doc:"how many; 0 ends it"`
}

type historyJSON struct {
	From  string   `json:"from" doc:"the person's number"`
	Texts []string `json:"texts" doc:"what the person wrote, oldest first"`
}

type textJSON struct {
	Text string `json:"text" doc:"the text"`
}
