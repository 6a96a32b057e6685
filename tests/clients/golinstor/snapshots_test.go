package scenario

import (
	"context"
	"os"
	"testing"

	linstor "github.com/LINBIT/golinstor"
	"github.com/LINBIT/golinstor/client"
	"github.com/LINBIT/golinstor/clonestatus"
)

func TestSnapshotsRestoreAndRollBack(t *testing.T) {
	ctx, api, nodes := registered(t)
	resource(t, ctx, api, "data", 16*mibKib, nodes[0])
	resource(t, ctx, api, "journal", 8*mibKib, nodes[0])
	write(t, ctx, api, "data", nodes[0], "old")
	write(t, ctx, api, "journal", nodes[0], "old")
	must(t, api.Resources.CreateSnapshots(ctx,
		client.Snapshot{Name: "both", ResourceName: "data"}, client.Snapshot{Name: "both", ResourceName: "journal"}))
	must(t, api.Resources.CreateSnapshot(ctx, client.Snapshot{Name: "second", ResourceName: "data"}))
	snapshot, err := api.Resources.GetSnapshot(ctx, "data", "both")
	must(t, err)
	equal(t, "flags", snapshot.Flags[0], linstor.FlagSuccessful)
	equal(t, "size", snapshot.VolumeDefinitions[0].SizeKib, 16*mibKib)
	equal(t, "node", snapshot.Snapshots[0].NodeName, nodes[0].name)
	if snapshot.Snapshots[0].CreateTimestamp == nil || snapshot.Snapshots[0].CreateTimestamp.Unix() < 1_600_000_000 {
		t.Fatalf("date %v", snapshot.Snapshots[0].CreateTimestamp)
	}
	refused(t, api.Resources.CreateSnapshot(ctx, client.Snapshot{Name: "both", ResourceName: "data"}),
		linstor.FailExistsSnapshotDfn)
	view, err := api.Resources.GetSnapshotView(ctx, &client.ListOpts{Resource: []string{"data"}})
	must(t, err)
	equal(t, "snapshots of data", len(view), 2)
	yes := true
	page, err := api.Resources.GetSnapshotView(ctx, &client.ListOpts{Limit: 1, Offset: 1, Cached: &yes})
	must(t, err)
	equal(t, "page of snapshots", len(page), 1)

	write(t, ctx, api, "data", nodes[0], "new")
	defined(t, ctx, api, "restored")
	to := client.SnapshotRestore{ToResource: "restored", Nodes: []string{nodes[0].name}}
	must(t, api.Resources.RestoreVolumeDefinitionSnapshot(ctx, "data", "both", to))
	must(t, api.Resources.RestoreSnapshot(ctx, "data", "both", to))
	equal(t, "restored", read(t, ctx, api, "restored", nodes[0]), "old")
	equal(t, "source", read(t, ctx, api, "data", nodes[0]), "new")

	// Only the newest goes back where snapshots are a chain; here every one of them does.
	must(t, api.Resources.DeleteSnapshot(ctx, "data", "second"))
	must(t, api.Resources.RollbackSnapshot(ctx, "data", "both"))
	equal(t, "rolled back", read(t, ctx, api, "data", nodes[0]), "old")
	refused(t, api.ResourceDefinitions.Delete(ctx, "data"), linstor.FailExistsSnapshotDfn)
	for _, name := range []string{"data", "journal"} {
		must(t, api.Resources.DeleteSnapshot(ctx, name, "both"))
	}
	_, err = api.Resources.GetSnapshot(ctx, "data", "both")
	missing(t, err)
	for _, name := range []string{"data", "journal", "restored"} {
		must(t, api.ResourceDefinitions.Delete(ctx, name))
	}
}

func TestClone(t *testing.T) {
	ctx, api, nodes := registered(t)
	resource(t, ctx, api, "data", 16*mibKib, nodes[0])
	must(t, api.ResourceDefinitions.Modify(ctx, "data", client.GenericPropsModify{
		OverrideProps: map[string]string{"Aux/keep": "1", "Aux/drop": "1"},
	}))
	write(t, ctx, api, "data", nodes[0], "old")
	_, err := api.ResourceDefinitions.CloneStatus(ctx, "data", "copy")
	missing(t, err)
	started, err := api.ResourceDefinitions.Clone(ctx, "data", client.ResourceDefinitionCloneRequest{
		Name: "copy", GenericPropsModify: client.GenericPropsModify{DeleteProps: []string{"Aux/drop"}},
	})
	must(t, err)
	equal(t, "source", started.SourceName, "data")
	equal(t, "clone", started.CloneName, "copy")
	eventually(t, "the clone is complete", func() bool {
		status, err := api.ResourceDefinitions.CloneStatus(ctx, "data", "copy")
		must(t, err)
		return status.Status == clonestatus.Complete
	})
	write(t, ctx, api, "data", nodes[0], "new")
	equal(t, "copy", read(t, ctx, api, "copy", nodes[0]), "old")
	definition, err := api.ResourceDefinitions.Get(ctx, "copy")
	must(t, err)
	equal(t, "copied property", definition.Props["Aux/keep"], "1")
	equal(t, "left property", definition.Props["Aux/drop"], "")
	must(t, api.ResourceDefinitions.ModifyVolumeDefinition(ctx, "copy", 0, client.VolumeDefinitionModify{
		SizeKib: 24 * mibKib,
	}))
	// The source may go before its copy.
	must(t, api.ResourceDefinitions.Delete(ctx, "data"))
	equal(t, "copy alone", read(t, ctx, api, "copy", nodes[0]), "old")
	must(t, api.ResourceDefinitions.Delete(ctx, "copy"))
}

func device(t *testing.T, ctx context.Context, api *client.Client, name string, node place) string {
	t.Helper()
	volume, err := api.Resources.GetVolume(ctx, name, node.name, 0)
	must(t, err)
	return volume.DevicePath
}

func write(t *testing.T, ctx context.Context, api *client.Client, name string, node place, text string) {
	t.Helper()
	file, err := os.OpenFile(device(t, ctx, api, name, node), os.O_WRONLY, 0)
	must(t, err)
	defer file.Close()
	_, err = file.WriteAt([]byte(text), 4096)
	must(t, err)
	must(t, file.Sync())
}

func read(t *testing.T, ctx context.Context, api *client.Client, name string, node place) string {
	t.Helper()
	file, err := os.Open(device(t, ctx, api, name, node))
	must(t, err)
	defer file.Close()
	text := make([]byte, 3)
	_, err = file.ReadAt(text, 4096)
	must(t, err)
	return string(text)
}
