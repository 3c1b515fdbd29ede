// A loop over the SDK's order search, with one bulk upsert for each page:
//   node loop.mjs URL FOLDER_OF_THE_SOCKET DATABASE
// Prints the orders it stored and the seconds from the first call to the last commit.
import pg from "pg";
import { TikTokShopSDK } from "tiktok-shop-sdk";

const [url, host, database] = process.argv.slice(2);
const FIXED_URL = "https://open-api.tiktokglobalshop.com"; // the SDK has no setting for it
const fetched = globalThis.fetch;
globalThis.fetch = (asked, options) => fetched(asked.replace(FIXED_URL, url), options);

const moment = (seconds) => (seconds ? new Date(seconds * 1000) : null);
const TABLES = [
  {
    name: "loop_orders",
    rows: (orders) => orders,
    columns: {
      id: ["text", (order) => order.id],
      status: ["text", (order) => order.status],
      buyer_id: ["text", (order) => order.user_id],
      buyer_message: ["text", (order) => order.buyer_message],
      currency: ["text", (order) => order.payment?.currency],
      total: ["numeric", (order) => order.payment?.total_amount],
      subtotal: ["numeric", (order) => order.payment?.sub_total],
      shipping_fee: ["numeric", (order) => order.payment?.shipping_fee],
      created_at: ["timestamptz", (order) => moment(order.create_time)],
      updated_at: ["timestamptz", (order) => moment(order.update_time)],
      paid_at: ["timestamptz", (order) => moment(order.paid_time)],
      fulfillment_type: ["text", (order) => order.fulfillment_type],
      shipping_type: ["text", (order) => order.shipping_type],
      shipping_provider: ["text", (order) => order.shipping_provider],
      tracking_number: ["text", (order) => order.tracking_number],
      warehouse_id: ["text", (order) => order.warehouse_id],
      recipient_name: ["text", (order) => order.recipient_address?.name],
      recipient_region: ["text", (order) => order.recipient_address?.region_code],
    },
  },
  {
    name: "loop_lines",
    rows: (orders) => orders.flatMap((order) => order.line_items.map((line) => ({ ...line, order: order.id }))),
    columns: {
      id: ["text", (line) => line.id],
      order_id: ["text", (line) => line.order],
      status: ["text", (line) => line.display_status],
      product_id: ["text", (line) => line.product_id],
      product_name: ["text", (line) => line.product_name],
      sku_id: ["text", (line) => line.sku_id],
      sku_name: ["text", (line) => line.sku_name],
      seller_sku: ["text", (line) => line.seller_sku],
      image_url: ["text", (line) => line.sku_image],
      currency: ["text", (line) => line.currency],
      price: ["numeric", (line) => line.sale_price],
      original_price: ["numeric", (line) => line.original_price],
    },
  },
].map((table) => ({ ...table, upsert: upsert(table) }));

function upsert({ name, columns }) {
  const names = Object.keys(columns);
  const arrays = names.map((column, place) => `$${place + 1}::${columns[column][0]}[]`);
  const changes = names.slice(1).map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${name} (${names}) SELECT * FROM unnest(${arrays}) ON CONFLICT (id) DO UPDATE SET ${changes}`;
}

async function store(orders) {
  await client.query("BEGIN");
  for (const table of TABLES) {
    const rows = table.rows(orders);
    const values = Object.values(table.columns).map(([, read]) => rows.map((row) => read(row) ?? null));
    await client.query({ name: table.name, text: table.upsert, values });
  }
  await client.query("COMMIT");
}

const client = new pg.Client({ host, database, user: "postgres" });
await client.connect();
for (const { name, columns } of TABLES) {
  const [[id], ...others] = Object.entries(columns);
  const words = others.map(([column, [type]]) => `${column} ${type}`);
  await client.query(`DROP TABLE IF EXISTS ${name}`);
  await client.query(`CREATE TABLE ${name} (${id} text PRIMARY KEY, ${words})`);
}

const sdk = new TikTokShopSDK({ appKey: "app", appSecret: "secret" });
sdk.setAccessToken("token");
sdk.setShopCipher("cipher");
const until = Math.floor(Date.now() / 1000);
const body = { update_time_ge: 0, update_time_lt: until };
const began = performance.now();
let stored = 0;
let token = "";
do {
  const query = { page_size: 100, sort_field: "update_time", sort_order: "ASC", ...(token && { page_token: token }) };
  const { data } = await sdk.order.getOrderList({ query, body });
  await store(data.orders);
  stored += data.orders.length;
  token = data.next_page_token;
} while (token);
console.log(JSON.stringify({ orders: stored, seconds: (performance.now() - began) / 1000 }));
await client.end();
