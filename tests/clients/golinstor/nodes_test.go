package scenario

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	linstor "github.com/LINBIT/golinstor"
	"github.com/LINBIT/golinstor/client"
)

func TestNodesPoolsAndConnections(t *testing.T) {
	ctx, api, nodes := registered(t)
	here, there := nodes[0].name, nodes[1].name
	refused(t, api.Nodes.Create(ctx, client.Node{
		Name: here, Type: linstor.ValNodeTypeStlt,
		NetInterfaces: []client.NetInterface{{Name: "default", Address: net.ParseIP("127.0.0.9")}},
	}), linstor.FailExistsNode)
	must(t, api.Nodes.Modify(ctx, here, client.NodeModify{
		NodeType:           linstor.ValNodeTypeCmbd,
		GenericPropsModify: client.GenericPropsModify{OverrideProps: map[string]string{"Aux/rack": "7"}},
	}))
	node, err := api.Nodes.Get(ctx, here)
	must(t, err)
	equal(t, "type", node.Type, strings.ToUpper(linstor.ValNodeTypeCmbd))
	equal(t, "property", node.Props["Aux/rack"], "7")
	listed, err := api.Nodes.GetAll(ctx, &client.ListOpts{Prop: []string{"Aux/rack=7"}})
	must(t, err)
	equal(t, "nodes with it", len(listed), 1)

	must(t, api.Nodes.CreateNetInterface(ctx, here, client.NetInterface{
		Name: "replication", Address: net.ParseIP("127.0.0.2"),
	}))
	must(t, api.Nodes.ModifyNetInterface(ctx, here, "replication", client.NetInterface{
		Name: "replication", Address: net.ParseIP("127.0.0.3"),
	}))
	way, err := api.Nodes.GetNetInterface(ctx, here, "replication")
	must(t, err)
	equal(t, "address", way.Address.String(), "127.0.0.3")
	must(t, api.Nodes.DeleteNetinterface(ctx, here, "replication"))
	ways, err := api.Nodes.GetNetInterfaces(ctx, here)
	must(t, err)
	equal(t, "ways", len(ways), 1)
	equal(t, "active", ways[0].IsActive, true)

	must(t, api.Nodes.ModifyStoragePool(ctx, here, pool, client.GenericPropsModify{
		OverrideProps: map[string]string{"Aux/class": "nvme"},
	}))
	seen, err := api.Nodes.GetStoragePool(ctx, here, pool)
	must(t, err)
	equal(t, "pool property", seen.Props["Aux/class"], "nvme")
	equal(t, "provisioning", seen.StaticTraits["Provisioning"], "Thin")
	definitions, err := api.StoragePoolDefinitions.GetAll(ctx)
	must(t, err)
	equal(t, "pool definitions", len(definitions), 2)

	must(t, api.Connections.SetNodeConnection(ctx, here, there, client.GenericPropsModify{
		OverrideProps: map[string]string{"DrbdOptions/Net/protocol": "A"},
	}))
	links, err := api.Connections.GetNodeConnections(ctx, here, there)
	must(t, err)
	equal(t, "protocol", links[0].Props["DrbdOptions/Net/protocol"], "A")
	resource(t, ctx, api, "data", 8*mibKib, nodes...)
	must(t, api.Connections.SetResourceConnection(ctx, "data", here, there, client.GenericPropsModify{
		OverrideProps: map[string]string{"DrbdOptions/Net/allow-two-primaries": "yes"},
	}))
	link, err := api.Connections.GetResourceConnection(ctx, "data", here, there)
	must(t, err)
	equal(t, "two primaries", link.Props["DrbdOptions/Net/allow-two-primaries"], "yes")

	must(t, api.Nodes.Reconnect(ctx, here))
	eventually(t, "it is online again", func() bool {
		node, err := api.Nodes.Get(ctx, here)
		return err == nil && node.ConnectionStatus == "ONLINE"
	})
	refused(t, api.Nodes.DeleteStoragePool(ctx, here, pool), linstor.FailInUse)
	if api.Nodes.Delete(ctx, here) == nil {
		t.Fatal("a node went with the data on it")
	}
	must(t, api.ResourceDefinitions.Delete(ctx, "data"))
	must(t, api.Nodes.DeleteStoragePool(ctx, here, pool))
	must(t, api.Nodes.Delete(ctx, here))
}

func TestPassphraseRemotesAndReports(t *testing.T) {
	ctx, api := connected(t)
	must(t, api.Encryption.Create(ctx, client.Passphrase{NewPassphrase: "first"}))
	refused(t, api.Encryption.Create(ctx, client.Passphrase{NewPassphrase: "again"}),
		linstor.FailExistsCryptPassphrase)
	must(t, api.Encryption.Modify(ctx, client.Passphrase{OldPassphrase: "first", NewPassphrase: "second"}))
	refused(t, api.Encryption.Enter(ctx, "first"), linstor.FailInvldCryptPassphrase)
	must(t, api.Encryption.Enter(ctx, "second"))

	must(t, api.Remote.CreateLinstor(ctx, client.LinstorRemote{RemoteName: "peer", Url: "http://127.0.0.1:2"}))
	must(t, api.Remote.ModifyLinstor(ctx, "peer", client.LinstorRemote{Url: "http://127.0.0.1:3"}))
	remotes, err := api.Remote.GetAll(ctx)
	must(t, err)
	equal(t, "remotes", len(remotes.LinstorRemotes), 1)
	equal(t, "URL", remotes.LinstorRemotes[0].Url, "http://127.0.0.1:3")
	_, err = api.Backup.Ship(ctx, "peer", client.BackupShipRequest{SrcRscName: "data", DstRscName: "copy"})
	refused(t, err, linstor.FailInvldRemoteName)
	must(t, api.Remote.Delete(ctx, "peer"))

	_, err = api.Controller.GetErrorReportsSince(ctx, time.Now().Add(-time.Hour))
	must(t, err)
	_, err = api.Controller.GetConfig(ctx)
	must(t, err)
	var report bytes.Buffer
	must(t, api.Controller.DownloadSOSReport(ctx, closing{&report}))
	if report.Len() < 100 || !bytes.HasPrefix(report.Bytes(), []byte{0x1f, 0x8b}) {
		t.Fatalf("the SOS report has %d bytes", report.Len())
	}
}

type closing struct{ *bytes.Buffer }

func (closing) Close() error { return nil }
