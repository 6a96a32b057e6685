// Package scenario drives a running controller with the published golinstor, unmodified, as Go programs do.
//
// The environment says where everything is: LS_CONTROLLERS (golinstor reads it itself), SCENARIO_NODES as
// name=address:port=pool directory, separated by commas.
package scenario

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	linstor "github.com/LINBIT/golinstor"
	"github.com/LINBIT/golinstor/client"
	"github.com/LINBIT/golinstor/devicelayerkind"
)

const (
	pool   = "thinpool"
	mibKib = 1024
)

var storageOnly = []devicelayerkind.DeviceLayerKind{devicelayerkind.Storage}

type place struct{ name, address, port, directory string }

func places(t *testing.T) []place {
	t.Helper()
	var found []place
	for _, text := range strings.Split(os.Getenv("SCENARIO_NODES"), ",") {
		parts := strings.Split(text, "=")
		if len(parts) != 3 {
			t.Fatalf("SCENARIO_NODES has %q", text)
		}
		host, port, err := net.SplitHostPort(parts[1])
		must(t, err)
		found = append(found, place{parts[0], host, port, parts[2]})
	}
	return found
}

// connected makes a client and a context that ends before the test's own limit.
func connected(t *testing.T) (context.Context, *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	t.Cleanup(cancel)
	api, err := client.NewClient(client.UserAgent("golinstor-scenario"))
	must(t, err)
	return ctx, api
}

// registered is a cluster whose nodes are online and have a pool each.
func registered(t *testing.T) (context.Context, *client.Client, []place) {
	t.Helper()
	ctx, api := connected(t)
	nodes := places(t)
	for _, node := range nodes {
		port, err := strconv.Atoi(node.port)
		must(t, err)
		must(t, api.Nodes.Create(ctx, client.Node{
			Name: node.name, Type: linstor.ValNodeTypeStlt,
			NetInterfaces: []client.NetInterface{{
				Name: "default", Address: net.ParseIP(node.address), SatellitePort: int32(port),
				SatelliteEncryptionType: linstor.ValNetcomTypePlain, IsActive: true,
			}},
		}))
		eventually(t, node.name+" is online", func() bool {
			seen, err := api.Nodes.Get(ctx, node.name)
			return err == nil && seen.ConnectionStatus == "ONLINE"
		})
		must(t, api.Nodes.CreateStoragePool(ctx, node.name, client.StoragePool{
			StoragePoolName: pool, ProviderKind: client.FILE_THIN,
			Props: map[string]string{linstor.NamespcStorageDriver + "/FileDir": node.directory},
		}))
	}
	return ctx, api, nodes
}

// resource defines a volume and places it on the nodes.
func resource(t *testing.T, ctx context.Context, api *client.Client, name string, sizeKib uint64, nodes ...place) {
	t.Helper()
	defined(t, ctx, api, name, sizeKib)
	for _, node := range nodes {
		must(t, api.Resources.Create(ctx, client.ResourceCreate{
			Resource: client.Resource{
				Name: name, NodeName: node.name, Props: map[string]string{linstor.KeyStorPoolName: pool},
			},
			LayerList: storageOnly,
		}))
	}
}

func defined(t *testing.T, ctx context.Context, api *client.Client, name string, sizesKib ...uint64) {
	t.Helper()
	must(t, api.ResourceDefinitions.Create(ctx, client.ResourceDefinitionCreate{
		ResourceDefinition: client.ResourceDefinition{
			Name: name, LayerData: []client.ResourceDefinitionLayer{{Type: devicelayerkind.Storage}},
		},
	}))
	for _, sizeKib := range sizesKib {
		must(t, api.ResourceDefinitions.CreateVolumeDefinition(ctx, name, client.VolumeDefinitionCreate{
			VolumeDefinition: client.VolumeDefinition{SizeKib: sizeKib},
		}))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused holds that the controller said no, for that reason and no other.
func refused(t *testing.T, err error, code uint64) {
	t.Helper()
	if !client.IsApiCallError(err, code) {
		t.Fatalf("wanted refusal %d, got %v (%T)", code&^uint64(linstor.MaskError), err, err)
	}
}

func missing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, client.NotFoundError) {
		t.Fatalf("wanted %q, got %v", client.NotFoundError, err)
	}
}

func equal[T comparable](t *testing.T, what string, seen, wanted T) {
	t.Helper()
	if seen != wanted {
		t.Fatalf("%s: %v, wanted %v", what, seen, wanted)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
