package volumes

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

const hostname = "linbit.com/hostname"

func on(node string) *csi.Topology {
	return &csi.Topology{Segments: map[string]string{hostname: node}}
}

// The scheduler has chosen the second node for the pod: the volume is made there, and is nowhere else.
func TestAVolumeGoesWhereThePodGoes(t *testing.T) {
	d := connected(t)
	here, there := os.Getenv("CSI_NODE"), os.Getenv("CSI_OTHER_NODE")
	info, err := d.node.NodeGetInfo(d.ctx, &csi.NodeGetInfoRequest{})
	d.must(err)
	if info.NodeId != here || info.AccessibleTopology.Segments[hostname] != here {
		t.Fatalf("node info %+v", info)
	}
	parameters := map[string]string{}
	d.must(json.Unmarshal([]byte(os.Getenv("CSI_PARAMETERS")), &parameters))
	parameters["linstor.csi.linbit.com/allowRemoteVolumeAccess"] = "false"
	made, err := d.controller.CreateVolume(d.ctx, &csi.CreateVolumeRequest{
		Name: "pvc-there", CapacityRange: &csi.CapacityRange{RequiredBytes: sizeBytes}, Parameters: parameters,
		VolumeCapabilities: []*csi.VolumeCapability{capability()},
		AccessibilityRequirements: &csi.TopologyRequirement{
			Requisite: []*csi.Topology{on(here), on(there)}, Preferred: []*csi.Topology{on(there), on(here)},
		},
	})
	d.must(err)
	places := made.Volume.AccessibleTopology
	if len(places) != 1 || places[0].Segments[hostname] != there {
		t.Fatalf("accessible from %+v", places)
	}
	attach := func(node string) (*csi.ControllerPublishVolumeResponse, error) {
		return d.controller.ControllerPublishVolume(d.ctx, &csi.ControllerPublishVolumeRequest{
			VolumeId: made.Volume.VolumeId, NodeId: node, VolumeCapability: capability(),
			VolumeContext: made.Volume.VolumeContext,
		})
	}
	_, err = attach(there)
	d.must(err)
	// Nothing brings its content to the first node: a pod there must not get an empty volume under this name.
	if _, err = attach(here); err == nil || !strings.Contains(err.Error(), there) {
		t.Fatalf("attached where the content is not: %v", err)
	}
	listed, err := d.controller.ListVolumes(d.ctx, &csi.ListVolumesRequest{})
	d.must(err)
	if len(listed.Entries) != 1 || listed.Entries[0].Status.VolumeCondition.Abnormal {
		t.Fatalf("volumes %+v", listed.Entries)
	}
	room := map[string]int64{}
	for _, node := range []string{here, there} {
		capacity, err := d.controller.GetCapacity(d.ctx, &csi.GetCapacityRequest{
			Parameters: parameters, AccessibleTopology: on(node),
		})
		d.must(err)
		room[node] = capacity.AvailableCapacity
	}
	if room[here] <= 0 || room[there] <= 0 {
		t.Fatalf("capacity %v", room)
	}
	d.deleted(made.Volume)
}
