package scenario

import (
	"context"
	"os"
	"testing"

	linstor "github.com/LINBIT/golinstor"
	"github.com/LINBIT/golinstor/client"
)

func group(t *testing.T, ctx context.Context, api *client.Client, name string, placeCount int32) {
	t.Helper()
	must(t, api.ResourceGroups.Create(ctx, client.ResourceGroup{
		Name: name, Description: "made by golinstor",
		SelectFilter: client.AutoSelectFilter{
			PlaceCount: placeCount, StoragePool: pool, LayerStack: []string{"STORAGE"},
		},
	}))
	must(t, api.ResourceGroups.CreateVolumeGroup(ctx, name, client.VolumeGroup{}))
}

func TestGroupsSpawn(t *testing.T) {
	ctx, api, nodes := registered(t)
	group(t, ctx, api, "gold", 2)
	seen, err := api.ResourceGroups.Get(ctx, "gold")
	must(t, err)
	equal(t, "description", seen.Description, "made by golinstor")
	equal(t, "place count", seen.SelectFilter.PlaceCount, 2)
	volumeGroups, err := api.ResourceGroups.GetVolumeGroups(ctx, "gold")
	must(t, err)
	equal(t, "volume groups", len(volumeGroups), 1)

	must(t, api.ResourceGroups.Spawn(ctx, "gold", client.ResourceGroupSpawn{
		ResourceDefinitionName: "spawned", VolumeSizes: []int64{64 * mibKib},
	}))
	replicas, err := api.Resources.GetAll(ctx, "spawned")
	must(t, err)
	equal(t, "replicas", len(replicas), len(nodes))
	equal(t, "layer", replicas[0].LayerObject.Type, storageOnly[0])

	size, err := api.ResourceGroups.QuerySizeInfo(ctx, "gold", client.QuerySizeInfoRequest{})
	must(t, err)
	if size.SpaceInfo == nil || size.SpaceInfo.MaxVlmSizeInKib <= 0 || len(size.SpaceInfo.NextSpawnResult) != 2 {
		t.Fatalf("size info: %+v, reports %+v", size.SpaceInfo, size.Reports)
	}

	must(t, api.ResourceGroups.Modify(ctx, "gold", client.ResourceGroupModify{
		OverrideProps: map[string]string{"Aux/tier": "1", "Aux/owner": "me"},
	}))
	must(t, api.ResourceGroups.Modify(ctx, "gold", client.ResourceGroupModify{DeleteProps: []string{"Aux/owner"}}))
	seen, err = api.ResourceGroups.Get(ctx, "gold")
	must(t, err)
	equal(t, "kept property", seen.Props["Aux/tier"], "1")
	equal(t, "deleted property", seen.Props["Aux/owner"], "")
	must(t, api.ResourceGroups.Adjust(ctx, "gold", client.ResourceGroupAdjust{}))

	refused(t, api.ResourceGroups.Delete(ctx, "gold"), linstor.FailExistsRscDfn)
	must(t, api.ResourceDefinitions.Delete(ctx, "spawned"))
	must(t, api.ResourceGroups.DeleteVolumeGroup(ctx, "gold", 0))
	must(t, api.ResourceGroups.Delete(ctx, "gold"))
	_, err = api.ResourceGroups.Get(ctx, "gold")
	missing(t, err)
}

func TestAutoplaceAndViews(t *testing.T) {
	ctx, api, nodes := registered(t)
	names := []string{"one", "three", "two"}
	for _, name := range names {
		defined(t, ctx, api, name, 8*mibKib)
		must(t, api.Resources.Autoplace(ctx, name, client.AutoPlaceRequest{
			SelectFilter: client.AutoSelectFilter{PlaceCount: 2, StoragePoolList: []string{pool}},
			LayerList:    storageOnly,
		}))
	}
	all, err := api.Resources.GetResourceView(ctx)
	must(t, err)
	equal(t, "resources", len(all), len(names)*len(nodes))

	var paged []client.ResourceWithVolumes
	for offset := 0; offset < len(all); offset += 2 {
		page, err := api.Resources.GetResourceView(ctx, &client.ListOpts{Limit: 2, Offset: offset})
		must(t, err)
		equal(t, "page length", len(page), 2)
		paged = append(paged, page...)
	}
	for i := range all {
		equal(t, "paged order", paged[i].Name+"/"+paged[i].NodeName, all[i].Name+"/"+all[i].NodeName)
	}
	filtered, err := api.Resources.GetResourceView(ctx, &client.ListOpts{
		Resource: []string{"TWO"}, Node: []string{nodes[1].name}, StoragePool: []string{pool},
	})
	must(t, err)
	equal(t, "filtered", len(filtered), 1)
	volume := filtered[0].Volumes[0]
	equal(t, "kind", volume.ProviderKind, client.FILE_THIN)
	equal(t, "pool", volume.StoragePoolName, pool)
	storage, isStorage := volume.LayerDataList[0].Data.(*client.StorageVolume)
	equal(t, "storage layer", isStorage, true)
	equal(t, "usable", storage.UsableSizeKib, 8*mibKib)
	if _, err := os.Stat(volume.DevicePath); err != nil {
		t.Fatal(err)
	}

	yes := true
	pools, err := api.Nodes.GetStoragePoolView(ctx, &client.ListOpts{Cached: &yes, StoragePool: []string{pool}})
	must(t, err)
	equal(t, "pools", len(pools), len(nodes))
	if pools[0].FreeCapacity <= 0 || pools[0].TotalCapacity <= 0 || !pools[0].SupportsSnapshots {
		t.Fatalf("pool %+v", pools[0])
	}
	refused(t, api.Resources.Autoplace(ctx, "one", client.AutoPlaceRequest{
		SelectFilter: client.AutoSelectFilter{PlaceCount: 3}, LayerList: storageOnly,
	}), linstor.FailNotEnoughNodes)
	for _, name := range names {
		must(t, api.ResourceDefinitions.Delete(ctx, name))
	}
}

func TestVolumeGrowsAndGoes(t *testing.T) {
	ctx, api, nodes := registered(t)
	resource(t, ctx, api, "data", 16*mibKib, nodes[0])
	must(t, api.Resources.MakeAvailable(ctx, "data", nodes[0].name, client.ResourceMakeAvailable{}))
	volume, err := api.Resources.GetVolume(ctx, "data", nodes[0].name, 0)
	must(t, err)
	equal(t, "size", deviceBytes(t, volume.DevicePath), 16*mibKib*1024)

	must(t, api.ResourceDefinitions.ModifyVolumeDefinition(ctx, "data", 0, client.VolumeDefinitionModify{
		SizeKib: 32 * mibKib,
	}))
	definition, err := api.ResourceDefinitions.GetVolumeDefinition(ctx, "data", 0)
	must(t, err)
	equal(t, "defined size", definition.SizeKib, 32*mibKib)
	equal(t, "grown size", deviceBytes(t, volume.DevicePath), 32*mibKib*1024)
	status, err := api.ResourceDefinitions.SyncStatus(ctx, "data")
	must(t, err)
	equal(t, "in sync", status.SyncedOnAll, true)

	must(t, api.Resources.ModifyVolume(ctx, "data", nodes[0].name, 0, client.GenericPropsModify{
		OverrideProps: map[string]string{"Aux/created-for": "nobody"},
	}))
	volume, err = api.Resources.GetVolume(ctx, "data", nodes[0].name, 0)
	must(t, err)
	equal(t, "property of the volume", volume.Props["Aux/created-for"], "nobody")

	// Nothing carries data to the other node: it must not get a blank device under this name.
	refused(t, api.Resources.MakeAvailable(ctx, "data", nodes[1].name, client.ResourceMakeAvailable{}),
		linstor.FailInvldLayerStack)

	must(t, api.Resources.Delete(ctx, "data", nodes[0].name))
	_, err = api.Resources.Get(ctx, "data", nodes[0].name)
	missing(t, err)
	if left, _ := os.ReadDir(nodes[0].directory); len(left) != 0 {
		t.Fatalf("left in the pool: %v", left)
	}
	// Nothing is there: made available, it is placed anew.
	must(t, api.Resources.MakeAvailable(ctx, "data", nodes[1].name, client.ResourceMakeAvailable{Diskful: true}))
	_, err = api.Resources.Get(ctx, "data", nodes[1].name)
	must(t, err)
	must(t, api.ResourceDefinitions.Delete(ctx, "data"))
	must(t, api.Nodes.DeleteStoragePool(ctx, nodes[0].name, pool))
	must(t, api.Nodes.Delete(ctx, nodes[0].name))
	_, err = api.Nodes.Get(ctx, nodes[0].name)
	missing(t, err)
}

func deviceBytes(t *testing.T, path string) int64 {
	t.Helper()
	device, err := os.Open(path)
	must(t, err)
	defer device.Close()
	end, err := device.Seek(0, 2)
	must(t, err)
	return end
}
