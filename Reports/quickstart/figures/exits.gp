# VM exits by reason
# Draws exits.csv into exits.svg: run "gnuplot exits.gp" in this folder.
set encoding utf8
set terminal svg size 960,499 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'exits.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set lmargin at screen 0.18688; set rmargin at screen 0.96875
set tmargin at screen 0.97596; set bmargin at screen 0.12019
set yrange [17.800:0]
set ytics ('ept_violation' 1.800, 'shadow_page_fault' 4.400, 'guest_page_fault' 6.000, 'page_table_write' 7.600, 'page_table_unsync' 9.200, 'cr3_load' 10.800, 'invlpg' 12.400, 'balloon_notify' 15.500) scale 0
unset grid; set grid xtics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set logscale x; set mxtics 1
set xtics ('1' 1.0, '10' 10.0, '100' 100.0, '1 000' 1000.0, '10 000' 10000.0, '100 000' 100000.0)
set xrange [0.5:2132790.0]
set xlabel 'Exits (logarithmic)' offset 0,0.8 textcolor rgb '#333C46'
set label 'web  1 277' at first 1277, first 0.800 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'w1  17 906' at first 17906, first 1.800 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'w2  17 814' at first 17814, first 2.800 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  71 093' at first 71093, first 4.400 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  14 183' at first 14183, first 6.000 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  138' at first 138, first 7.600 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  2 945' at first 2945, first 9.200 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  4 655' at first 4655, first 10.800 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  45 931' at first 45931, first 12.400 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'web  694' at first 694, first 14.000 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'database  1 076' at first 1076, first 15.000 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'w1  502' at first 502, first 16.000 offset character 0.7,0 left textcolor rgb '#333C46'
set label 'w2  502' at first 502, first 17.000 offset character 0.7,0 left textcolor rgb '#333C46'
plot 'exits.csv' every ::0::0 skip 1 using 3:(0.800):(0.5):3:(0.440):(1.160) with boxxyerror fillstyle solid noborder fillcolor rgb '#0072B2', \
  'exits.csv' every ::1::1 skip 1 using 3:(1.800):(0.5):3:(1.440):(2.160) with boxxyerror fillstyle solid noborder fillcolor rgb '#009E73', \
  'exits.csv' every ::2::2 skip 1 using 3:(2.800):(0.5):3:(2.440):(3.160) with boxxyerror fillstyle solid noborder fillcolor rgb '#CC79A7', \
  'exits.csv' every ::3::3 skip 1 using 3:(4.400):(0.5):3:(4.040):(4.760) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::4::4 skip 1 using 3:(6.000):(0.5):3:(5.640):(6.360) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::5::5 skip 1 using 3:(7.600):(0.5):3:(7.240):(7.960) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::6::6 skip 1 using 3:(9.200):(0.5):3:(8.840):(9.560) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::7::7 skip 1 using 3:(10.800):(0.5):3:(10.440):(11.160) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::8::8 skip 1 using 3:(12.400):(0.5):3:(12.040):(12.760) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::9::9 skip 1 using 3:(14.000):(0.5):3:(13.640):(14.360) with boxxyerror fillstyle solid noborder fillcolor rgb '#0072B2', \
  'exits.csv' every ::10::10 skip 1 using 3:(15.000):(0.5):3:(14.640):(15.360) with boxxyerror fillstyle solid noborder fillcolor rgb '#D55E00', \
  'exits.csv' every ::11::11 skip 1 using 3:(16.000):(0.5):3:(15.640):(16.360) with boxxyerror fillstyle solid noborder fillcolor rgb '#009E73', \
  'exits.csv' every ::12::12 skip 1 using 3:(17.000):(0.5):3:(16.640):(17.360) with boxxyerror fillstyle solid noborder fillcolor rgb '#CC79A7'
