import com.linbit.linstor.api.ApiClient;
import com.linbit.linstor.api.ApiException;
import com.linbit.linstor.api.CloneWaiter;
import com.linbit.linstor.api.DevelopersApi;
import com.linbit.linstor.api.model.*;

import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * The calls that CloudStack's LINSTOR plugin makes, in its order, through java-linstor as published.
 *
 * Arguments: URL, resource group's pool name, then NAME=HOST:PORT=DIRECTORY for each of two nodes.
 */
public final class CloudStackCalls {
    private static final String GROUP = "cloudstack";
    private static final String TEMPLATE = "cs-template-0001";
    private static final String VOLUME = "cs-volume-0002";
    private static final String FROM_SNAPSHOT = "cs-volume-0003";
    private static final String SNAPSHOT = "cs-snapshot-0004";
    private static final long SIZE_KIB = 16 * 1024;
    private static final List<String> ANY = Collections.emptyList();

    private final DevelopersApi api;
    private final String pool;
    private final List<String> nodes;

    private CloudStackCalls(String url, String pool, List<String> nodes) {
        ApiClient client = new ApiClient();
        client.setBasePath(url);
        api = new DevelopersApi(client);
        this.pool = pool;
        this.nodes = nodes;
    }

    public static void main(String[] arguments) throws Exception {
        List<String> places = Arrays.asList(arguments).subList(2, arguments.length);
        List<String> names = places.stream().map(place -> place.split("=")[0]).toList();
        CloudStackCalls calls = new CloudStackCalls(arguments[0], arguments[1], names);
        for (String place : places) {
            calls.register(place.split("="));
        }
        calls.defineGroup();
        calls.spawnTemplate();
        calls.cloneTemplate();
        calls.makeAvailable();
        calls.liveMigrationWindow();
        calls.snapshotAndRollback();
        calls.volumeFromSnapshot();
        calls.viewAndCapacity();
        calls.refusals();
        calls.deleteAll();
        System.out.println("ALL CALLS ANSWERED AS CLOUDSTACK NEEDS THEM");
    }

    private void register(String[] place) throws Exception {
        String[] address = place[1].split(":");
        NetInterface way = new NetInterface();
        way.setName("default");
        way.setAddress(address[0]);
        way.setSatellitePort(Integer.valueOf(address[1]));
        way.setSatelliteEncryptionType(NetInterface.SatelliteEncryptionTypeEnum.PLAIN);
        Node node = new Node();
        node.setName(place[0]);
        node.setType(Node.TypeEnum.SATELLITE);
        node.addNetInterfacesItem(way);
        accepted(api.nodeAdd(node));
        long deadline = System.currentTimeMillis() + 30_000;
        while (api.nodeList(List.of(place[0]), ANY, null, null).get(0).getConnectionStatus()
                != Node.ConnectionStatusEnum.ONLINE) {
            check(System.currentTimeMillis() < deadline, place[0] + " is online within 30 s");
            Thread.sleep(50);
        }
        StoragePool created = new StoragePool();
        created.setStoragePoolName(pool);
        created.setProviderKind(ProviderKind.FILE_THIN);
        created.setProps(properties("StorDriver/FileDir", place[2]));
        accepted(api.nodeStoragePoolCreate(place[0], created));
    }

    private void defineGroup() throws ApiException {
        AutoSelectFilter filter = new AutoSelectFilter();
        filter.setPlaceCount(1);
        filter.addStoragePoolListItem(pool);
        filter.addLayerStackItem("STORAGE");
        ResourceGroup group = new ResourceGroup();
        group.setName(GROUP);
        group.setSelectFilter(filter);
        accepted(api.resourceGroupCreate(group));
        accepted(api.volumeGroupCreate(GROUP, new VolumeGroup()));
    }

    private void spawnTemplate() throws Exception {
        ResourceGroupSpawn spawn = new ResourceGroupSpawn();
        spawn.setResourceDefinitionName(TEMPLATE);
        spawn.addVolumeSizesItem(SIZE_KIB);
        spawn.setResourceDefinitionProps(properties("Aux/_cs-template-for-" + GROUP, "true"));
        accepted(api.resourceGroupSpawn(GROUP, spawn));
        overrideProps(TEMPLATE, "Aux/cs-name", "debian");
        write(TEMPLATE, "template");
    }

    private void cloneTemplate() throws Exception {
        ResourceDefinitionCloneRequest request = new ResourceDefinitionCloneRequest();
        request.setName(VOLUME);
        ResourceDefinitionCloneStarted started = api.resourceDefinitionClone(TEMPLATE, request);
        accepted(started.getMessages());
        check(CloneWaiter.waitFor(api, started), "the clone is complete");
        equal("the clone's content", read(VOLUME, 8), "template");
        VolumeDefinitionModify resize = new VolumeDefinitionModify();
        resize.setSizeKib(2 * SIZE_KIB);
        accepted(api.volumeDefinitionModify(VOLUME, 0, resize));
        equal("the clone's size", length(VOLUME), 2 * SIZE_KIB * 1024);

        ResourceDefinition clone = api.resourceDefinitionList(List.of(VOLUME), false, null, null, null).get(0);
        equal("the clone's group", clone.getResourceGroupName(), GROUP);
        ResourceDefinitionModify strip = new ResourceDefinitionModify();
        strip.setDeleteProps(clone.getProps().keySet().stream().filter(key -> key.startsWith("Aux/_cs-")).toList());
        equal("template markers", strip.getDeleteProps().size(), 1);
        accepted(api.resourceDefinitionModify(VOLUME, strip));
        VolumeDefinitionModify throttle = new VolumeDefinitionModify();
        throttle.setOverrideProps(properties("sys/fs/blkio_throttle_write_iops", "1000"));
        accepted(api.volumeDefinitionModify(VOLUME, 0, throttle));
    }

    private void makeAvailable() throws ApiException {
        ResourceMakeAvailable request = new ResourceMakeAvailable();
        request.setDiskful(false);
        accepted(api.resourceMakeAvailableOnNode(VOLUME, nodeOf(VOLUME), request));
        equal("replicas", api.resourceList(VOLUME, null, null).size(), 1);
    }

    /** CloudStack opens it for the pair of hosts, and closes it once the guest has moved. */
    private void liveMigrationWindow() throws ApiException {
        String here = nodeOf(TEMPLATE);
        String there = nodes.stream().filter(name -> !name.equals(here)).findFirst().orElseThrow();
        ResourceCreate second = new ResourceCreate();
        Resource resource = new Resource();
        resource.setName(TEMPLATE);
        resource.setNodeName(there);
        resource.setProps(properties("StorPoolName", pool));
        second.setResource(resource);
        accepted(api.resourceCreateOnNode(TEMPLATE, there, second));
        ResourceConnectionModify open = new ResourceConnectionModify();
        Properties both = properties("DrbdOptions/Net/allow-two-primaries", "yes");
        both.put("DrbdOptions/Net/protocol", "C");
        open.setOverrideProps(both);
        accepted(api.resourceConnectionModify(TEMPLATE, here, there, open));
        equal("the connection's protocol", connection(here, there).get("DrbdOptions/Net/protocol"), "C");
        ResourceConnectionModify close = new ResourceConnectionModify();
        close.setDeleteProps(List.copyOf(both.keySet()));
        accepted(api.resourceConnectionModify(TEMPLATE, here, there, close));
        equal("what is left of it", connection(here, there).get("DrbdOptions/Net/allow-two-primaries"), null);
        accepted(api.resourceDelete(TEMPLATE, there, null));
    }

    private Properties connection(String here, String there) throws ApiException {
        ResourceConnection found = api.resourceConnectionsList(TEMPLATE).stream()
            .filter(one -> List.of(one.getNodeA(), one.getNodeB()).containsAll(List.of(here, there)))
            .findFirst().orElseThrow();
        // LINSTOR leaves empty properties out.
        return found.getProps() == null ? new Properties() : found.getProps();
    }

    private void snapshotAndRollback() throws Exception {
        Snapshot snapshot = new Snapshot();
        snapshot.setName(SNAPSHOT);
        snapshot.setResourceName(VOLUME);
        accepted(api.resourceSnapshotCreate(VOLUME, snapshot));
        write(VOLUME, "modified");
        accepted(api.resourceSnapshotRollback(VOLUME, SNAPSHOT));
        equal("content after the rollback", read(VOLUME, 8), "template");
        List<Snapshot> seen = api.viewSnapshots(ANY, List.of(VOLUME), null, null);
        equal("snapshots", seen.size(), 1);
        equal("the snapshot's size", seen.get(0).getVolumeDefinitions().get(0).getSizeKib(), 2 * SIZE_KIB);
        check(seen.get(0).getFlags().contains("SUCCESSFUL"), "the snapshot is complete");
    }

    private void volumeFromSnapshot() throws Exception {
        ResourceDefinition definition = new ResourceDefinition();
        definition.setName(FROM_SNAPSHOT);
        definition.setResourceGroupName(GROUP);
        ResourceDefinitionCreate create = new ResourceDefinitionCreate();
        create.setResourceDefinition(definition);
        accepted(api.resourceDefinitionCreate(create));
        SnapshotRestore restore = new SnapshotRestore();
        restore.setToResource(FROM_SNAPSHOT);
        accepted(api.resourceSnapshotsRestoreVolumeDefinition(VOLUME, SNAPSHOT, restore));
        accepted(api.resourceSnapshotRestore(VOLUME, SNAPSHOT, restore));
        equal("the restored content", read(FROM_SNAPSHOT, 8), "template");
    }

    private void viewAndCapacity() throws ApiException {
        List<ResourceWithVolumes> all = api.viewResources(ANY, ANY, ANY, ANY, null, null);
        equal("resources", all.size(), 3);
        equal("in use", all.get(0).getState().isInUse() == Boolean.TRUE, false);
        QuerySizeInfoRequest question = new QuerySizeInfoRequest();
        question.setIgnoreCacheOlderThanSec(0);
        QuerySizeInfoResponse size = api.querySizeInfo(GROUP, question);
        check(size.getSpaceInfo().getCapacityInKib() > size.getSpaceInfo().getAvailableSizeInKib(), "capacity");
        check(size.getSpaceInfo().getMaxVlmSizeInKib() > SIZE_KIB, "room for one more");
        ResourceGroup group = api.resourceGroupList(List.of(GROUP), null, null, null).get(0);
        List<String> pools = group.getSelectFilter().getStoragePoolList();
        List<StoragePool> found = api.viewStoragePools(ANY, pools, null, null, null, true);
        equal("pools", found.size(), 2);
        check(found.stream().allMatch(one -> one.getTotalCapacity() > 0), "every pool has a capacity");
        equal("the controller's REST version", api.controllerVersion().getRestApiVersion(), "1.28.0");
    }

    private void refusals() throws ApiException {
        try {
            api.resourceMakeAvailableOnNode("cs-not-there", nodes.get(0), new ResourceMakeAvailable());
            throw new AssertionError("a resource that is not there was made available");
        } catch (ApiException refused) {
            equal("status", refused.getCode(), 404);
            check(refused.getApiCallRcList().hasError() && !refused.getBestMessage().isEmpty(), "it says why");
        }
        try {
            accepted(api.resourceDefinitionDelete(VOLUME));
            throw new AssertionError("a definition was deleted under its snapshot");
        } catch (ApiException refused) {
            check(refused.getBestMessage().contains("snapshot"), "it names the snapshots: " + refused.getBestMessage());
        }
    }

    private void deleteAll() throws ApiException {
        accepted(api.resourceSnapshotDelete(VOLUME, SNAPSHOT, ANY));
        for (String name : List.of(FROM_SNAPSHOT, VOLUME, TEMPLATE)) {
            accepted(api.resourceDefinitionDelete(name));
        }
        equal("resources", api.viewResources(ANY, ANY, ANY, ANY, null, null).size(), 0);
        accepted(api.resourceGroupDelete(GROUP));
    }

    private void overrideProps(String name, String key, String value) throws ApiException {
        ResourceDefinitionModify change = new ResourceDefinitionModify();
        change.setOverrideProps(properties(key, value));
        accepted(api.resourceDefinitionModify(name, change));
    }

    private ResourceWithVolumes only(String name) throws ApiException {
        return api.viewResources(ANY, List.of(name), ANY, ANY, null, null).get(0);
    }

    private String nodeOf(String name) throws ApiException {
        return only(name).getNodeName();
    }

    private RandomAccessFile device(String name, String mode) throws Exception {
        return new RandomAccessFile(only(name).getVolumes().get(0).getDevicePath(), mode);
    }

    private void write(String name, String text) throws Exception {
        try (RandomAccessFile device = device(name, "rw")) {
            device.seek(4096);
            device.write(text.getBytes(StandardCharsets.US_ASCII));
            device.getFD().sync();
        }
    }

    private String read(String name, int bytes) throws Exception {
        try (RandomAccessFile device = device(name, "r")) {
            byte[] text = new byte[bytes];
            device.seek(4096);
            device.readFully(text);
            return new String(text, StandardCharsets.US_ASCII);
        }
    }

    private long length(String name) throws Exception {
        try (RandomAccessFile device = device(name, "r")) {
            return device.length();
        }
    }

    private static Properties properties(String key, String value) {
        Properties made = new Properties();
        made.put(key, value);
        return made;
    }

    private static void accepted(ApiCallRcList answers) {
        check(answers != null && !answers.isEmpty() && !answers.hasError(), "accepted: " + answers);
    }

    private static void equal(String what, Object seen, Object wanted) {
        check(wanted == null ? seen == null : wanted.equals(seen), what + ": " + seen + ", wanted " + wanted);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
        System.out.println(what);
    }
}
