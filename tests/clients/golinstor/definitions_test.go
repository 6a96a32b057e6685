package scenario

import (
	"testing"

	linstor "github.com/LINBIT/golinstor"
	"github.com/LINBIT/golinstor/client"
)

func TestDefinitionsAndRefusals(t *testing.T) {
	ctx, api := connected(t)
	version, err := api.Controller.GetVersion(ctx)
	must(t, err)
	equal(t, "REST version", version.RestApiVersion, "1.28.0")
	defined(t, ctx, api, "data", 8*mibKib, 16*mibKib)
	listed, err := api.ResourceDefinitions.GetAll(ctx, client.RDGetAllRequest{
		ResourceDefinitions: []string{"DATA"}, WithVolumeDefinitions: true,
	})
	must(t, err)
	equal(t, "definitions", len(listed), 1)
	equal(t, "volume definitions", len(listed[0].VolumeDefinitions), 2)
	equal(t, "volume number", *listed[0].VolumeDefinitions[1].VolumeNumber, 1)
	equal(t, "group", listed[0].ResourceGroupName, "DfltRscGrp")

	refused(t, api.ResourceDefinitions.Create(ctx, client.ResourceDefinitionCreate{
		ResourceDefinition: client.ResourceDefinition{Name: "Data"},
	}), linstor.FailExistsRscDfn)
	refused(t, api.ResourceDefinitions.Create(ctx, client.ResourceDefinitionCreate{
		ResourceDefinition: client.ResourceDefinition{Name: "9 lives"},
	}), linstor.FailInvldRscName)
	refused(t, api.ResourceDefinitions.Modify(ctx, "data", client.GenericPropsModify{
		OverrideProps: map[string]string{"no-such-property": "1"},
	}), linstor.FailInvldProp)
	refused(t, api.Resources.Autoplace(ctx, "data", client.AutoPlaceRequest{
		SelectFilter: client.AutoSelectFilter{PlaceCount: 1},
	}), linstor.FailNotEnoughNodes)
	missing(t, api.ResourceDefinitions.Modify(ctx, "nothing", client.GenericPropsModify{
		OverrideProps: map[string]string{"Aux/a": "1"},
	}))
	missing(t, api.Resources.CreateSnapshot(ctx, client.Snapshot{Name: "one", ResourceName: "nothing"}))
	_, err = api.Nodes.Get(ctx, "nobody")
	missing(t, err)

	must(t, api.ResourceDefinitions.DeleteVolumeDefinition(ctx, "data", 1))
	_, err = api.ResourceDefinitions.GetVolumeDefinition(ctx, "data", 1)
	missing(t, err)
	must(t, api.ResourceDefinitions.Delete(ctx, "data"))
}

func TestProperties(t *testing.T) {
	ctx, api := connected(t)
	defined(t, ctx, api, "data")
	change := func(override map[string]string, remove []string, namespaces []string) map[string]string {
		must(t, api.ResourceDefinitions.Modify(ctx, "data", client.GenericPropsModify{
			OverrideProps: override, DeleteProps: remove, DeleteNamespaces: namespaces,
		}))
		definition, err := api.ResourceDefinitions.Get(ctx, "data")
		must(t, err)
		return definition.Props
	}
	props := change(map[string]string{"Aux/a": "1", "Aux/b/c": "2", "Aux/b/d": "3"}, nil, nil)
	equal(t, "set", props["Aux/b/d"], "3")
	props = change(map[string]string{"Aux/a": "4"}, []string{"Aux/b/c"}, nil)
	equal(t, "overridden", props["Aux/a"], "4")
	equal(t, "deleted", props["Aux/b/c"], "")
	equal(t, "untouched", props["Aux/b/d"], "3")
	props = change(nil, nil, []string{"Aux/b"})
	equal(t, "namespace gone", props["Aux/b/d"], "")
	equal(t, "beside the namespace", props["Aux/a"], "4")
	props = change(nil, []string{"Aux/never-set"}, nil)
	equal(t, "deleting what is not there", props["Aux/a"], "4")

	must(t, api.Controller.Modify(ctx, client.GenericPropsModify{OverrideProps: map[string]string{"Aux/site": "x"}}))
	controller, err := api.Controller.GetProps(ctx)
	must(t, err)
	equal(t, "controller", controller["Aux/site"], "x")
	must(t, api.Controller.DeleteProp(ctx, "Aux/site"))
	listed, err := api.ResourceDefinitions.GetAll(ctx, client.RDGetAllRequest{Props: []string{"Aux/a=4"}})
	must(t, err)
	equal(t, "found by property", len(listed), 1)
	listed, err = api.ResourceDefinitions.GetAll(ctx, client.RDGetAllRequest{Props: []string{"Aux/a=5"}})
	must(t, err)
	equal(t, "found by another value", len(listed), 0)
}

func TestKeyValueStore(t *testing.T) {
	ctx, api := connected(t)
	must(t, api.KeyValueStore.CreateOrModify(ctx, "csi-backup-mapping", client.GenericPropsModify{
		OverrideProps: map[string]string{"snapshot-1": "data/back_1", "snapshot-2": "data/back_2"},
	}))
	must(t, api.KeyValueStore.CreateOrModify(ctx, "csi-backup-mapping", client.GenericPropsModify{
		DeleteProps: []string{"snapshot-1"},
	}))
	store, err := api.KeyValueStore.Get(ctx, "csi-backup-mapping")
	must(t, err)
	equal(t, "deleted", store.Props["snapshot-1"], "")
	equal(t, "kept", store.Props["snapshot-2"], "data/back_2")
	stores, err := api.KeyValueStore.List(ctx)
	must(t, err)
	equal(t, "stores", len(stores), 1)
	must(t, api.KeyValueStore.Delete(ctx, "csi-backup-mapping"))
	stores, err = api.KeyValueStore.List(ctx)
	must(t, err)
	equal(t, "stores left", len(stores), 0)
}

func TestEventStream(t *testing.T) {
	ctx, api := connected(t)
	stream, err := api.Events.DRBDPromotion(ctx, "current")
	must(t, err)
	select {
	case event := <-stream.Events:
		t.Fatalf("an event of no resource at all: %+v", event)
	default:
	}
	stream.Close()
}
