package whatsapptest

import (
	"context"
	"strconv"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// appStateShare is an account's app state: the key that its devices share and
// the patches of each collection, the first of which is version 1.
type appStateShare struct {
	keyID, key []byte
	patches    map[string][][]byte
}

// appState returns the account's app state and creates it when first needed. It contains only the push
// name, without which whatsmeow cannot send its presence.
func (p *Phone) appState() appStateShare {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.share.key != nil {
		return p.share
	}
	p.share = appStateShare{keyID: []byte{0, 0, 0, 0, 0, 1}, key: randomBytes(32), patches: make(map[string][][]byte)}
	name := p.Name()
	if name == "" {
		name = p.pn().User
	}
	patch := appstate.BuildSettingPushName(name)
	if raw, err := p.share.encode(patch); err == nil {
		p.share.patches[string(patch.Type)] = [][]byte{raw}
	} else {
		p.srv.log.Error("cannot encode push name", "error", err)
	}
	return p.share
}

func (a appStateShare) encode(patch appstate.PatchInfo) ([]byte, error) {
	device := &store.Device{AppStateKeys: singleKey{a}, AppState: noAppState{}}
	raw, err := appstate.NewProcessor(device, nil).EncodePatch(context.Background(), a.keyID, appstate.HashState{}, patch)
	if err != nil {
		return nil, err
	}
	return withVersion(raw, 1)
}

// withVersion adds what the server adds to a patch.
func withVersion(raw []byte, version uint64) ([]byte, error) {
	var patch waServerSync.SyncdPatch
	if err := proto.Unmarshal(raw, &patch); err != nil {
		return nil, err
	}
	patch.Version = &waServerSync.SyncdVersion{Version: &version}
	return proto.Marshal(&patch)
}

// syncAppState sends the patches after the client's version and accepts the client's own.
func (d *Device) syncAppState(c *conn, n *waBinary.Node) {
	d.phone.appState()
	sync := n.GetChildByTag("sync")
	requested := sync.GetChildrenByTag("collection")
	collections := make([]waBinary.Node, 0, len(requested))
	var patched []waBinary.Node
	named := false
	for _, asked := range requested {
		ag := asked.AttrGetter()
		name, _ := asked.Attrs["name"].(string)
		version, _ := strconv.Atoi(ag.OptionalString("version"))
		named = named || name == string(appstate.WAPatchCriticalBlock)
		patch, _ := asked.GetChildByTag("patch").Content.([]byte)
		collection, stored := d.phone.collection(name, version, patch)
		collections = append(collections, collection)
		if stored {
			patched = append(patched, waBinary.Node{Tag: "collection", Attrs: collection.Attrs})
		}
	}
	c.answer(n, waBinary.Node{Tag: "sync", Content: collections})
	d.tellPatched(patched)
	// whatsmeow fetches one collection after the other: when it asks for the next,
	// it knows the name. Baileys fetches all at once.
	d.mu.Lock()
	if d.askedName || named && len(requested) > 1 {
		d.knowsName = true
		d.announce()
	}
	d.askedName = d.askedName || named
	d.mu.Unlock()
}

// tellPatched tells the account's other clients that this one changed the app state (whatsmeow
// notification.go, handleAppStateNotification).
func (d *Device) tellPatched(collections []waBinary.Node) {
	if len(collections) == 0 {
		return
	}
	for _, other := range d.phone.Devices() {
		if other != d {
			other.queueNotification(waBinary.Node{
				Tag: "notification", Attrs: waBinary.Attrs{"from": types.ServerJID, "type": "server_sync"}, Content: collections,
			})
		}
	}
}

// collection returns the patches of a collection after a version. It takes the client's own patch, if
// that is the next, and reports whether it did.
func (p *Phone) collection(name string, version int, patch []byte) (n waBinary.Node, stored bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.share.patches[name]
	if patch != nil && version == len(all) {
		if raw, err := withVersion(patch, uint64(version+1)); err == nil {
			all = append(all, raw)
			p.share.patches[name], stored = all, true
		}
	}
	n = waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": len(all)}}
	if version < len(all) {
		patches := make([]waBinary.Node, 0, len(all)-version)
		for _, raw := range all[version:] {
			patches = append(patches, waBinary.Node{Tag: "patch", Content: raw})
		}
		n.Content = []waBinary.Node{{Tag: "patches", Content: patches}}
	}
	return n, stored
}

// singleKey and noAppState implement the part of a store that the encoder of a first patch needs.
type singleKey struct{ appStateShare }

func (k singleKey) GetAppStateSyncKey(context.Context, []byte) (*store.AppStateSyncKey, error) {
	return &store.AppStateSyncKey{Data: k.key}, nil
}
func (singleKey) PutAppStateSyncKey(context.Context, []byte, store.AppStateSyncKey) error { return nil }
func (k singleKey) GetLatestAppStateSyncKeyID(context.Context) ([]byte, error)            { return k.keyID, nil }
func (singleKey) GetAllAppStateSyncKeys(context.Context) ([]*store.AppStateSyncKey, error) {
	return nil, nil
}

type noAppState struct{}

func (noAppState) PutAppStateVersion(context.Context, string, uint64, [128]byte) error { return nil }
func (noAppState) GetAppStateVersion(context.Context, string) (uint64, [128]byte, error) {
	return 0, [128]byte{}, nil
}
func (noAppState) DeleteAppStateVersion(context.Context, string) error { return nil }
func (noAppState) PutAppStateMutationMACs(context.Context, string, uint64, []store.AppStateMutationMAC) error {
	return nil
}
func (noAppState) DeleteAppStateMutationMACs(context.Context, string, [][]byte) error { return nil }
func (noAppState) GetAppStateMutationMAC(context.Context, string, []byte) ([]byte, error) {
	return nil, nil
}
