/* The table of backends. */
#include "gbt/backend/backend.h"
#include "tests/support/gtest_c.h"

TEST_C(Backend, NamesFindTheirBackend)
{
    const gbt_backend_ops *ops = NULL;
    EXPECT_C_OK(gbt_backend_find("ref", &ops));
    EXPECT_C_TRUE(ops == &gbt_backend_ref);
    EXPECT_C_OK(gbt_backend_find("cpu", &ops));
    EXPECT_C_TRUE(ops == &gbt_backend_cpu);
    EXPECT_C_EQ_TEXT(gbt_backend_ref.name, "ref");
    EXPECT_C_EQ_TEXT(gbt_backend_cpu.name, "cpu");
}

TEST_C(Backend, AMissingBackendSaysWhatIsMissingAndWhatIsThere)
{
    const gbt_backend_ops *ops = &gbt_backend_ref;
    if (!gbt_backend_available("cuda")) {
        EXPECT_C_STATUS(gbt_backend_find("cuda", &ops), GBT_ERR_UNSUPPORTED);
        EXPECT_C_TRUE(ops == NULL);
        EXPECT_C_HAS_TEXT(gbt_last_error(), "backend cuda: ");
    }
    EXPECT_C_STATUS(gbt_backend_find("cuda:x", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_TRUE(ops == NULL);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "behind cuda: stands the number of a device");
    EXPECT_C_STATUS(gbt_backend_find("cuda:1000", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_STATUS(gbt_backend_find("tpu", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "'tpu'");
    EXPECT_C_HAS_TEXT(gbt_last_error(), "available: cpu, ref");
    EXPECT_C_STATUS(gbt_backend_find("", &ops), GBT_ERR_UNSUPPORTED);
    EXPECT_C_STATUS(gbt_backend_find(NULL, &ops), GBT_ERR_ARGUMENT);
}

TEST_C(Backend, AvailableIsOneOrZero)
{
    EXPECT_C_EQ_INT(gbt_backend_available("cpu"), 1);
    EXPECT_C_EQ_INT(gbt_backend_available("ref"), 1);
    EXPECT_C_EQ_INT(gbt_backend_available("cuda:1000"), 0);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "backend cuda");
    EXPECT_C_EQ_INT(gbt_backend_available("CPU"), 0);
    EXPECT_C_EQ_INT(gbt_backend_available(NULL), 0);
}

TEST_C(Backend, ADeviceIsTheNumberBehindTheColon)
{
    EXPECT_C_EQ_INT(gbt_backend_device("cpu"), 0);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda"), 0);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:0"), 0);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:17"), 17);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:"), -1);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:-1"), -1);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:1x"), -1);
    EXPECT_C_EQ_INT(gbt_backend_device("cuda:99999999999"), -1);
}

TEST_C(Backend, TheHostsBackendsHaveNoDeviceToFill)
{
    int64_t room = 0;
    EXPECT_C_OK(gbt_backend_room("cpu", &room));
    EXPECT_C_TRUE(room == INT64_MAX);
    EXPECT_C_TRUE(gbt_backend_cpu.device_bytes == NULL && gbt_backend_ref.device_bytes == NULL);
}
